using Google.Protobuf;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Rebuild;
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
    private GenerationCopy _copy = null!;

    /// <summary>Does it for one partition, all or nothing: the progress record that makes it count comes last.</summary>
    /// <returns>The first hour that is counted anew, 0 for all of them.</returns>
    public long Carry(int partition, ITransactionLog transactions, CancellationToken cancellation)
    {
        _copy = new GenerationCopy(broker, transactions, clock);
        var input = broker.QueryEnds(from.Events, partition);
        if (input.Low == 0) return 0;
        Progress? done = null;
        _copy.Read(to.Changelog, partition, (in record) => done = Progress(record) ?? done, cancellation);
        if (done is not null) return done.RebuiltFromHour;

        var rebuiltFrom = Hours.Of(_copy.FirstThere(from.Events, partition, cancellation) + (long)tolerance.TotalMilliseconds) + 1;
        Progress? before = null;
        var dropped = new DroppedHours();
        _copy.Read(from.Changelog, partition, (in record) =>
        {
            if (Progress(record) is { } progress) before = progress;
            else if (record.Value.Length > 0) Copy(partition, record, rebuiltFrom, dropped);
        }, cancellation);
        foreach (var (first, bits) in dropped.Pages)
            Write(to.Changelog, partition, RecordKeys.HoursDropped(first), new HoursDropped { FirstHour = first, Generation = generation, Bits = ByteString.CopyFrom(bits) }, RecordTypes.HoursDropped);
        CopyNumbers(partition, dropped, input.Low, cancellation);
        Write(to.Changelog, partition, RecordKeys.ChangelogProgress, Begins(partition, input.Low, rebuiltFrom, before), RecordTypes.Progress);
        _copy.Commit();
        return rebuiltFrom;
    }

    private static Progress? Progress(in LogRecord record) => RecordKeys.IsProgress(record.Key) ? Shared.Contracts.Progress.Parser.ParseFrom(record.Value) : null;

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
        _copy.Read(from.Hours, partition, (in record) =>
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

    private void Write(string topic, int partition, byte[] key, IMessage value, byte[] type) => _copy.Write(topic, partition, key, value, type);
}
