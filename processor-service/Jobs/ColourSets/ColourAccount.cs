using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>How far each partition has come, and what became of the events, as progress records: for the accounting.</summary>
public sealed class ColourAccount(string topic, int partitions, TimeProvider clock)
{
    private readonly bool[] _atEnd = new bool[partitions];
    private readonly long[] _appendedMs = new long[partitions];

    public void Read(int partition, long appendedMs) => (_atEnd[partition], _appendedMs[partition]) = (false, appendedMs);

    public void ReachedEnd(int partition) => _atEnd[partition] = true;

    /// <summary>A record a partition. What became of the events is known of all of them together and stands in the first.</summary>
    public IReadOnlyList<Progress> Records(ColoursProgress progress)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var records = new List<Progress>();
        for (var partition = 0; partition < partitions; partition++)
            records.Add(new Progress
            {
                Generation = progress.Generation,
                Partition = partition,
                PartitionCount = partitions,
                InputTopic = topic,
                NextOffset = progress.NextOffsets[partition],
                SinceMs = progress.SinceMs,
                CommittedAtMs = progress.CommittedAtMs,
                LastAppendMs = _appendedMs[partition],
                AsOfMs = _atEnd[partition] ? now : Math.Min(now, _appendedMs[partition]),
            });
        records[0].Outcomes = new Outcomes { Counted = progress.Counted - progress.AgedOut };
        foreach (var (reason, count) in progress.DeadLettered) records[0].Outcomes.DeadLettered[reason] = count;
        records[0].Counters[CounterNames.AgedOut] = progress.AgedOut;
        return records;
    }
}
