using Google.Protobuf;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.HourlyAnalytics;

/// <summary>
/// Carries into a new generation what its input topic cannot tell any more: hours that may have had events among those already removed keep
/// state and numbers of the generation before, and the new one counts on from there. All other hours are counted anew.
/// </summary>
/// <param name="broker">Reads the generation before.</param>
/// <param name="from">Its topics.</param>
/// <param name="to">Those of the new one.</param>
/// <param name="generation">The new one.</param>
/// <param name="tolerance">How far ahead of its arrival an event's hour may lie.</param>
/// <param name="clock">Tells when the generation began.</param>
public sealed class KeptHours(IBroker broker, TopicNames from, TopicNames to, int generation, TimeSpan tolerance, TimeProvider clock)
{
    private const int RecordsOfTransaction = 2_000;
    private static readonly TimeSpan CommitLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(30);

    private ITransactionLog _to = null!;
    private int _open;

    /// <summary>Does it for one partition, all or nothing: the progress record that makes it count comes last.</summary>
    /// <returns>The first hour that is counted anew, 0 for all of them.</returns>
    public long Carry(int partition, ITransactionLog transactions, CancellationToken cancellation)
    {
        (_to, _open) = (transactions, 0);
        var input = broker.QueryEnds(from.Events, partition);
        if (input.Low == 0) return 0;
        Progress? done = null;
        Read(to.Changelog, partition, (in record) => done = Progress(record) ?? done, cancellation, whole: false);
        if (done is not null) return done.RebuiltFromHour;

        var rebuiltFrom = Hours.Of(FirstThere(partition, input, cancellation) + (long)tolerance.TotalMilliseconds) + 1;
        Begin();
        Progress? before = null;
        var dropped = new DroppedHours();
        Read(from.Changelog, partition, (in record) =>
        {
            if (Progress(record) is { } progress) before = progress;
            else if (record.Value.Length > 0) Copy(partition, record, rebuiltFrom, dropped);
        }, cancellation);
        foreach (var (first, bits) in dropped.Pages)
            Write(to.Changelog, partition, RecordKeys.HoursDropped(first), new HoursDropped { FirstHour = first, Generation = generation, Bits = ByteString.CopyFrom(bits) }, RecordTypes.HoursDropped);
        CopyNumbers(partition, dropped, input.Low, cancellation);
        Write(to.Changelog, partition, RecordKeys.ChangelogProgress, Begins(partition, input.Low, rebuiltFrom, before), RecordTypes.Progress);
        _to.Commit(CommitLimit);
        return rebuiltFrom;
    }

    private static Progress? Progress(in LogRecord record) => RecordKeys.IsProgress(record.Key) ? Shared.Contracts.Progress.Parser.ParseFrom(record.Value) : null;

    /// <summary>When the oldest event there is arrived, Unix time in ms: all that were removed came before.</summary>
    private long FirstThere(int partition, LogEnds input, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (input.Low == input.High) return now;
        using var log = broker.OpenReplay(from.Events, [new PartitionOffset(partition, input.Low)]);
        return TryRead(log, cancellation, out var record) && record is { IsEnd: false, TimestampMs: > 0 } ? Math.Min(now, record.TimestampMs) : now;
    }

    private void Copy(int partition, in LogRecord record, long rebuiltFrom, DroppedHours dropped)
    {
        if (RecordKeys.IsHoursDropped(record.Key))
        {
            var page = HoursDropped.Parser.ParseFrom(record.Value);
            var all = new DroppedHours();
            foreach (var hour in all.Add(page.FirstHour, page.Bits.Span).Where(hour => hour < rebuiltFrom)) dropped.Add(hour);
            return;
        }
        var chunk = StateChunk.Parser.ParseFrom(record.Value);
        if (chunk.Hour >= rebuiltFrom) return;
        chunk.Generation = generation;
        // The new generation's readers have none yet.
        chunk.SketchedUsers = 0;
        Write(to.Changelog, partition, record.Key.ToArray(), chunk, RecordTypes.StateChunk);
    }

    /// <summary>Of hours whose state was dropped only their numbers are left.</summary>
    private void CopyNumbers(int partition, DroppedHours dropped, long offset, CancellationToken cancellation)
    {
        var numbers = new Dictionary<long, HourPartial>();
        Read(from.Hours, partition, (in record) =>
        {
            if (RecordKeys.IsProgress(record.Key) || record.Value.Length == 0) return;
            var partial = HourPartial.Parser.ParseFrom(record.Value);
            if (dropped.Contains(partial.Hour)) numbers[partial.Hour] = partial;
        }, cancellation);
        foreach (var partial in numbers.Values)
        {
            (partial.Generation, partial.NextOffset) = (generation, offset);
            Write(to.Hours, partition, RecordKeys.HourPartial(partial.Hour, partition), partial, RecordTypes.HourPartial);
        }
    }

    private Progress Begins(int partition, long offset, long rebuiltFrom, Progress? before) => new()
    {
        Generation = generation,
        Partition = partition,
        NextOffset = offset,
        Outcomes = new Outcomes(),
        SinceMs = clock.GetUtcNow().ToUnixTimeMilliseconds(),
        PartitionCount = broker.CountPartitions(from.Events) ?? 0,
        Partitioner = KafkaClientConfig.PartitionerName,
        KeyFingerprint = before?.KeyFingerprint ?? "",
        KeyedBy = before?.KeyedBy ?? KeyedBy.Unspecified,
        InputTopic = from.Events,
        RebuiltFromHour = rebuiltFrom,
        KeptBelowOffset = before?.NextOffset ?? offset,
    };

    /// <summary>Reads committed records up to the end as it is now.</summary>
    /// <param name="topic">Where.</param>
    /// <param name="partition">Of it.</param>
    /// <param name="take">Gets them.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="whole">Where the end lies inside a commit, up to the progress record that ends that.</param>
    private void Read(string topic, int partition, TakeRecord take, CancellationToken cancellation, bool whole = true)
    {
        var ends = broker.QueryEnds(topic, partition);
        if (ends.Low == ends.High) return;
        using var log = broker.OpenReplay(topic, [new PartitionOffset(partition, ends.Low)]);
        var ended = true;
        while (TryRead(log, cancellation, out var record))
        {
            if (!record.IsEnd)
            {
                take(record);
                ended = !whole || RecordKeys.IsProgress(record.Key);
            }
            if ((record.IsEnd ? record.Offset : record.Offset + 1) >= ends.High && ended) return;
        }
    }

    private bool TryRead(IRecordLog log, CancellationToken cancellation, out LogRecord record)
    {
        var began = clock.GetTimestamp();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (log.TryRead(TimeSpan.FromMilliseconds(100), out record)) return true;
            if (clock.GetElapsedTime(began) > SilenceMax) throw new BrokerAwayException("The generation before could not be read to its end.");
        }
    }

    private void Write(string topic, int partition, byte[] key, IMessage value, byte[] type)
    {
        _to.Write(topic, partition, new OutputRecord(key, value.ToByteArray(), new Confluent.Kafka.Headers { { RecordTypes.Header, type } }));
        if (++_open < RecordsOfTransaction) return;
        _to.Commit(CommitLimit);
        Begin();
    }

    private void Begin()
    {
        _to.Begin();
        _open = 0;
    }

    private delegate void TakeRecord(in LogRecord record);
}
