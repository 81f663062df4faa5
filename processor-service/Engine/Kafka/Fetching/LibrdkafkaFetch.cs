using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka.Fetching;

/// <summary>What a consumer of librdkafka fetches, in batches, where they lie: nothing is copied or allocated for a record.</summary>
internal sealed class LibrdkafkaFetch : IRecordFetch
{
    private readonly string _topic;
    private readonly HeaderReader _headers = new();
    private readonly FetchedRecords _records;
    private readonly FetchNudge? _nudge;

    /// <param name="consumer">To be disposed after this: that waits for every record that is held.</param>
    /// <param name="config">Its own.</param>
    /// <param name="topic">What it reads.</param>
    public LibrdkafkaFetch(IClient consumer, ConsumerConfig config, string topic)
    {
        _topic = topic;
        _records = new FetchedRecords(consumer);
        _nudge = FetchNudge.Needed ? new FetchNudge(consumer, topic, config.QueuedMinMessages ?? 100_000) : null;
    }

    /// <summary>To be called before partitions are assigned.</summary>
    public void Follow(IReadOnlyCollection<int> partitions)
    {
        _records.Follow(_topic, partitions);
        _nudge?.BeginAnew();
    }

    public unsafe bool TryNext(out LogRecord record)
    {
        var message = _records.Next();
        if (message is null)
        {
            record = default;
            return false;
        }
        record = message->Error == 0 ? Record(message) : End(message);
        _nudge?.ReadUpTo(record.Partition, record.IsEnd ? record.Offset : record.Offset + 1);
        return true;
    }

    public bool TryFill(TimeSpan wait)
    {
        _nudge?.Look(_records.Waiting);
        return _records.TryFill(wait);
    }

    public void Dispose() => _records.Dispose();

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
            Headers = _headers.Read(message, _records.Following),
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
