using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Reads records of a consumer without allocating for keys and values.</summary>
public abstract class KafkaRecordLog : IRecordLog
{
    protected abstract IConsumer<Scratch, Scratch> Consumer { get; }

    public virtual bool TryRead(TimeSpan wait, out LogRecord record)
    {
        record = default;
        ConsumeResult<Scratch, Scratch>? result;
        try
        {
            result = Consumer.Consume(wait);
        }
        catch (ConsumeException e)
        {
            throw KafkaFaults.OfInput(e.Error, e);
        }
        if (result is null) return false;
        record = result.IsPartitionEOF
            ? new LogRecord { Partition = result.Partition, Offset = result.Offset, IsEnd = true }
            : Record(result);
        return true;
    }

    public abstract void Dispose();

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
