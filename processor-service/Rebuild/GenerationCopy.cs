using Google.Protobuf;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Rebuild;

/// <summary>Reads the topics of a generation, and writes what the next one keeps of them, some thousand records a transaction.</summary>
/// <param name="broker">Reads.</param>
/// <param name="to">Writes.</param>
/// <param name="clock">Tells how long nothing came.</param>
public sealed class GenerationCopy(IBroker broker, ITransactionLog to, TimeProvider clock)
{
    private const int RecordsOfTransaction = 2_000;
    private static readonly TimeSpan CommitLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(30);

    private bool _isOpen;
    private int _written;

    /// <summary>When the oldest record there is arrived, Unix time in ms: all that were removed came before. Now, where there is none.</summary>
    public long FirstThere(string topic, int partition, CancellationToken cancellation)
    {
        var (now, ends) = (clock.GetUtcNow().ToUnixTimeMilliseconds(), broker.QueryEnds(topic, partition));
        if (ends.Low == ends.High) return now;
        using var log = broker.OpenReplay(topic, [new PartitionOffset(partition, ends.Low)]);
        return TryRead(log, topic, cancellation, out var record) && record is { IsEnd: false, TimestampMs: > 0 } ? Math.Min(now, record.TimestampMs) : now;
    }

    /// <summary>
    /// Reads the committed records of a partition up to its end. A compacted topic loses records while it is read, each of which has a newer one behind it: so the end is the one
    /// that is there when it is reached.
    /// </summary>
    public void Read(string topic, int partition, TakeRecord take, CancellationToken cancellation)
    {
        var ends = broker.QueryEnds(topic, partition);
        if (ends.Low == ends.High) return;
        using var log = broker.OpenReplay(topic, [new PartitionOffset(partition, ends.Low)]);
        while (TryRead(log, topic, cancellation, out var record))
        {
            if (!record.IsEnd) take(record);
            // Before that it is the end of what an open transaction lets be read. A commit is read whole or not at all.
            else if (record.Offset >= ends.High) return;
        }
    }

    /// <summary>Adds a record to the open transaction, which is committed now and then.</summary>
    public void Write(string topic, int partition, byte[] key, IMessage value, byte[] type) =>
        Write(topic, partition, new OutputRecord(key, value.ToByteArray(), new Confluent.Kafka.Headers { { RecordTypes.Header, type } }));

    /// <summary>The same for a record as it is.</summary>
    public void Write(string topic, int partition, in OutputRecord record)
    {
        if (_written == RecordsOfTransaction) Commit();
        if (!_isOpen) to.Begin();
        _isOpen = true;
        to.Write(topic, partition, record);
        _written++;
    }

    /// <summary>Commits what is open: all that comes then, up to two thousand records, is there as a whole or not at all.</summary>
    public void Commit()
    {
        if (_isOpen) to.Commit(CommitLimit);
        (_isOpen, _written) = (false, 0);
    }

    private bool TryRead(IRecordLog log, string topic, CancellationToken cancellation, out LogRecord record)
    {
        var began = clock.GetTimestamp();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (log.TryRead(TimeSpan.FromMilliseconds(100), out record)) return true;
            if (clock.GetElapsedTime(began) > SilenceMax) throw new BrokerAwayException($"{topic} could not be read to its end.");
        }
    }
}

public delegate void TakeRecord(in LogRecord record);
