using System.Text;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Rebuild;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>
/// Carries into a new generation what its input topic cannot tell any more: windows that may have had frames among those already removed keep their sets and numbers, in all partitions,
/// and the new generation counts on in them. All other windows are counted anew.
/// </summary>
/// <param name="broker">Reads the generation before.</param>
/// <param name="from">Its topics.</param>
/// <param name="to">Those of the new one.</param>
/// <param name="generation">The new one.</param>
/// <param name="tolerance">How far ahead of its arrival a frame's ts may lie.</param>
/// <param name="clock">Tells when the generation began.</param>
public sealed class KeptFrames(IBroker broker, TopicNames from, TopicNames to, int generation, TimeSpan tolerance, TimeProvider clock)
{
    /// <summary>What the new generation begins with.</summary>
    /// <param name="Before">Windows that began before this Unix second keep their numbers; 0 where all are counted anew.</param>
    /// <param name="From">By partition, the first offset that it counts.</param>
    public sealed record Carried(long Before, IReadOnlyList<long> From);

    private readonly record struct Old(Progress? Progress, long Watermark, long[] Held);

    /// <summary>Does it for all partitions, all or nothing: the progress records that make it count come last, in one transaction. A second time nothing is carried.</summary>
    /// <param name="partitions">Of the input.</param>
    /// <param name="transactions">Writes.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="ConfigurationException">The new generation has begun, and what it has not counted yet was removed.</exception>
    public Carried Carry(int partitions, ITransactionLog transactions, CancellationToken cancellation)
    {
        var copy = new GenerationCopy(broker, transactions, clock);
        long[] lows = [.. Enumerable.Range(0, partitions).Select(p => broker.QueryEnds(from.Frames, p).Low)];
        if (Begun(copy, lows, cancellation) is { } begun) return new Carried(begun, lows);
        if (Array.TrueForAll(lows, low => low == 0)) return new Carried(0, lows);

        var arrivedMs = Enumerable.Range(0, partitions).Where(p => lows[p] > 0).Max(p => copy.FirstThere(from.Frames, p, cancellation));
        var before = (arrivedMs / 1000) + (long)tolerance.TotalSeconds + 1;
        var old = Enumerable.Range(0, partitions).Select(p => CopyState(copy, p, before, lows[p], cancellation)).ToArray();
        CopyResults(copy, partitions, before, cancellation);
        copy.Commit();
        var watermark = old.Max(part => part.Watermark);
        for (var p = 0; p < partitions; p++)
            copy.Write(to.FramesChangelog, p, RecordKeys.ChangelogProgress, Begins(p, partitions, lows[p], before, watermark, old[p]), RecordTypes.Progress);
        copy.Commit();
        return new Carried(before, lows);
    }

    /// <returns>What the new generation keeps; null when it has not begun, or nothing was counted of what was removed since.</returns>
    private long? Begun(GenerationCopy copy, long[] lows, CancellationToken cancellation)
    {
        var last = new Progress?[lows.Length];
        for (var p = 0; p < lows.Length; p++) copy.Read(to.FramesChangelog, p, (in record) => last[p] = Progress(record) ?? last[p], cancellation);
        if (Array.TrueForAll(last, progress => progress is null)) return null;
        var lost = Enumerable.Range(0, lows.Length).FirstOrDefault(p => (last[p]?.NextOffset ?? 0) < lows[p], -1);
        if (lost < 0) return last.Max(progress => progress?.KeptBeforeSeconds ?? 0);
        if (Array.TrueForAll(last, progress => progress is null || progress.NextOffset == progress.RebuiltFromOffset)) return null;
        throw new ConfigurationException(
            $"Generation {generation} of the frames had begun, but {from.Frames} partition {lost} begins at offset {lows[lost]} now and it had come to {last[lost]?.NextOffset ?? 0}: delete "
            + $"{to.FramesChangelog}, {to.FramesProgress}, {to.FramesDeadLetter} and {to.UniqueUsers} with the group's offsets, and rebuild again.");
    }

    private Old CopyState(GenerationCopy copy, int partition, long before, long low, CancellationToken cancellation)
    {
        Progress? progress = null;
        var watermark = 0L;
        var chunks = new Dictionary<string, FrameChunk>();
        var held = new SortedDictionary<string, FrameHeld>(StringComparer.Ordinal);
        copy.Read(from.FramesChangelog, partition, (in record) =>
        {
            var key = Encoding.ASCII.GetString(record.Key);
            if (Progress(record) is { } now) progress = now;
            else if (record.Key.SequenceEqual(RecordKeys.FrameClock)) watermark = FrameClock.Parser.ParseFrom(record.Value).Watermark;
            else if (RecordKeys.IsFrameHeld(record.Key)) Keep(held, key, record.Value.Length == 0 ? null : FrameHeld.Parser.ParseFrom(record.Value), one => one.Generation == generation - 1);
            else Keep(chunks, key, record.Value.Length == 0 ? null : FrameChunk.Parser.ParseFrom(record.Value), one => one.Generation == generation - 1 && one.Start < before);
        }, cancellation);
        // The highest chunk of a window is the one that says how many frames it has: as in the topic, it comes last.
        foreach (var (key, chunk) in chunks.OrderBy(one => one.Value.Chunk))
        {
            chunk.Generation = generation;
            copy.Write(to.FramesChangelog, partition, Encoding.ASCII.GetBytes(key), chunk, RecordTypes.FrameChunk);
        }
        foreach (var (key, one) in held.Where(one => one.Value.Offset < low))
        {
            // Its partition's clock begins anew.
            (one.Generation, one.TakenBefore) = (generation, 0);
            copy.Write(to.FramesChangelog, partition, Encoding.ASCII.GetBytes(key), one, RecordTypes.FrameHeld);
        }
        return new Old(progress, watermark, [.. held.Values.Select(one => one.Offset)]);
    }

    private static void Keep<T>(IDictionary<string, T> kept, string key, T? value, Func<T, bool> isOurs) where T : class
    {
        if (value is not null && isOurs(value)) kept[key] = value;
        else kept.Remove(key);
    }

    /// <summary>For the archive, and for those who read the topic of results. Of windows that are over nothing else is left.</summary>
    private void CopyResults(GenerationCopy copy, int partitions, long before, CancellationToken cancellation)
    {
        var windows = new Dictionary<string, FrameWindow>();
        for (var partition = 0; partition < partitions; partition++)
        {
            windows.Clear();
            copy.Read(from.FramesProgress, partition, (in record) =>
            {
                if (RecordKeys.IsProgress(record.Key)) return;
                var window = record.Value.Length == 0 ? null : FrameWindow.Parser.ParseFrom(record.Value);
                Keep(windows, Encoding.ASCII.GetString(record.Key), window, one => one.Generation == generation - 1 && one.Start < before);
            }, cancellation);
            foreach (var (key, window) in windows)
            {
                window.Generation = generation;
                copy.Write(to.FramesProgress, partition, Encoding.ASCII.GetBytes(key), window, RecordTypes.FrameWindow);
            }
        }
        // The task of the last partition writes them all.
        var results = new Dictionary<string, byte[]>();
        copy.Read(from.UniqueUsers, 0, (in record) => results[Encoding.ASCII.GetString(record.Key)] = record.Value.ToArray(), cancellation);
        foreach (var (key, json) in results.Where(result => windows.ContainsKey($"window|{result.Key}")))
            copy.Write(to.UniqueUsers, 0, new OutputRecord(Encoding.ASCII.GetBytes(key), json, []));
    }

    private Progress Begins(int partition, int partitions, long low, long before, long watermark, Old old)
    {
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var progress = new Progress
        {
            Generation = generation,
            Partition = partition,
            NextOffset = low,
            Outcomes = new Outcomes(),
            SinceMs = nowMs,
            CommittedAtMs = nowMs,
            PartitionCount = partitions,
            Partitioner = KafkaClientConfig.PartitionerName,
            InputTopic = from.Frames,
            KeyFingerprint = old.Progress?.KeyFingerprint ?? "",
            KeptBelowOffset = old.Progress?.NextOffset ?? low,
            RebuiltFromOffset = low,
            KeptBeforeSeconds = before,
            KeptWatermarkSeconds = watermark,
            KeptHeldOffsets = { old.Held },
        };
        // Versions of a window go on from those of its kept result.
        if (old.Progress?.Counters.TryGetValue(FramesTask.Results, out var results) == true) progress.Counters[FramesTask.Results] = results;
        return progress;
    }

    private static Progress? Progress(in LogRecord record) => RecordKeys.IsProgress(record.Key) ? Shared.Contracts.Progress.Parser.ParseFrom(record.Value) : null;
}
