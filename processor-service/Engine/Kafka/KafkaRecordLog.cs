using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Reads records of a consumer without allocating for keys and values.</summary>
public abstract class KafkaRecordLog(string topic) : IRecordLog
{
    private readonly FetchNudge? _nudge = FetchNudge.Needed ? new FetchNudge(topic) : null;

    protected abstract IConsumer<Scratch, Scratch> Consumer { get; }

    public virtual bool TryRead(TimeSpan wait, out LogRecord record)
    {
        record = default;
        if (Consume(wait) is not { } result) return false;
        record = result.IsPartitionEOF
            ? new LogRecord { Partition = result.Partition, Offset = result.Offset, IsEnd = true }
            : Record(result);
        _nudge?.ReadUpTo(record.Partition, record.IsEnd ? record.Offset : record.Offset + 1);
        return true;
    }

    public abstract void Dispose();

    private ConsumeResult<Scratch, Scratch>? Consume(TimeSpan wait)
    {
        try
        {
            if (_nudge is null) return Consumer.Consume(wait);
            if (Consumer.Consume(TimeSpan.Zero) is { } waiting) return waiting;
            return _nudge.WhenDry(Consumer) || wait > TimeSpan.Zero ? Consumer.Consume(wait) : null;
        }
        catch (ConsumeException e)
        {
            throw KafkaFaults.OfInput(e.Error, e);
        }
    }

    private static LogRecord Record(ConsumeResult<Scratch, Scratch> result)
    {
        var message = result.Message;
        return new LogRecord
        {
            Partition = result.Partition,
            Offset = result.Offset,
            TimestampMs = message.Timestamp.UnixTimestampMs,
            HasKey = message.Key.HasBytes,
            HasValue = message.Value.HasBytes,
            Key = message.Key.Span,
            Value = message.Value.Span,
            Headers = message.Headers,
        };
    }
}
