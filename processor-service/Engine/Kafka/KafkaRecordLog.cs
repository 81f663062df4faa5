using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka.Fetching;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Reads records of a consumer in batches, where they lie: nothing is copied or allocated for one.</summary>
public abstract class KafkaRecordLog(string topic) : IRecordLog
{
    /// <summary>While nothing comes, what the group tells is looked for this often.</summary>
    private const long LookMs = 20;

    private readonly HeaderReader _headers = new();
    private FetchedRecords? _records;
    private FetchNudge? _nudge;

    protected abstract IConsumer<Ignore, Ignore> Consumer { get; }

    public bool TryRead(TimeSpan wait, out LogRecord record) => TryTake(out record) || TryReadOn(wait, out record);

    public abstract void Dispose();

    /// <summary>To be called once the consumer is there.</summary>
    /// <param name="config">Its own.</param>
    protected void Begin(ConsumerConfig config)
    {
        _records = new FetchedRecords(Consumer);
        _nudge = FetchNudge.Needed ? new FetchNudge(Consumer, topic, config.QueuedMinMessages ?? 100_000) : null;
    }

    /// <summary>To be called before partitions are assigned.</summary>
    protected void Follow(IReadOnlyCollection<int> partitions)
    {
        _records!.Follow(topic, partitions);
        _nudge?.BeginAnew();
    }

    /// <summary>Lets the client call its handlers. No record is in hand meanwhile.</summary>
    /// <exception cref="SessionEndException">It can read no more.</exception>
    protected virtual void Serve()
    {
        try
        {
            // Records have a queue of their own.
            if (Consumer.Consume(TimeSpan.Zero) is { IsPartitionEOF: false } stray)
                throw new CorruptedException($"Consume: a record of partition {stray.Partition.Value} came by the wrong way.");
        }
        catch (ConsumeException e)
        {
            throw KafkaFaults.OfInput(e.Error, e);
        }
    }

    /// <summary>Lets go of all records; to be called before the consumer is disposed.</summary>
    protected void EndReading()
    {
        _records?.Dispose();
        _records = null;
    }

    private unsafe bool TryTake(out LogRecord record)
    {
        var message = _records is null ? null : _records.Next();
        if (message is null)
        {
            record = default;
            return false;
        }
        record = message->Error == 0 ? Record(message) : End(message);
        _nudge?.ReadUpTo(record.Partition, record.IsEnd ? record.Offset : record.Offset + 1);
        return true;
    }

    private bool TryReadOn(TimeSpan wait, out LogRecord record)
    {
        var until = Environment.TickCount64 + (long)Math.Ceiling(wait.TotalMilliseconds);
        while (true)
        {
            Serve();
            if (_records is null) break;
            _nudge?.Look(_records.Waiting);
            var left = until - Environment.TickCount64;
            if (_records.TryFill(TimeSpan.FromMilliseconds(Math.Clamp(left, 0, LookMs)))) return TryTake(out record);
            if (left <= 0) break;
        }
        record = default;
        return false;
    }

    private unsafe LogRecord Record(NativeMessage* message)
    {
        int kind;
        return new LogRecord
        {
            Partition = message->Partition,
            Offset = message->Offset,
            TimestampMs = Librdkafka.Timestamp(message, &kind),
            HasKey = message->Key != null,
            HasValue = message->Payload != null,
            Key = new ReadOnlySpan<byte>(message->Key, checked((int)message->KeyLength)),
            Value = new ReadOnlySpan<byte>(message->Payload, checked((int)message->PayloadLength)),
            Headers = _headers.Read(message, _records!.Following),
        };
    }

    /// <summary>An end that was reached, or a fault, whose text takes the place of the value.</summary>
    private static unsafe LogRecord End(NativeMessage* message)
    {
        if (message->Error == (int)ErrorCode.Local_PartitionEOF)
            return new LogRecord { Partition = message->Partition, Offset = message->Offset, IsEnd = true };
        var text = System.Text.Encoding.UTF8.GetString(message->Payload, message->Payload == null ? 0 : checked((int)message->PayloadLength));
        throw KafkaFaults.OfInput(new Error((ErrorCode)message->Error, text.TrimEnd('\0')), null);
    }
}
