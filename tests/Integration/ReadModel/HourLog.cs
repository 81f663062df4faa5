using Tally.MaterializerService.Feed;
using Tally.MaterializerService.Sinks;
using Tally.Shared.Contracts;
using Tally.Tests.Integration.Materializer;

namespace Tally.Tests.Integration.ReadModel;

/// <summary>What the processor wrote, in full: the oracle of what every hour was at every progress.</summary>
internal sealed class HourLog(int partitions, IReadOnlyList<long> hours)
{
    private readonly List<FeedRecord>[] _compacted = [.. Enumerable.Range(0, partitions).Select(_ => new List<FeedRecord>())];
    private readonly Dictionary<(long Hour, int Partition), List<HourPartial>> _history = [];
    private readonly long[] _ends = new long[partitions];
    private readonly long[] _inputs = new long[partitions];

    public int Partitions => partitions;

    public IReadOnlyList<long> Hours => hours;

    /// <summary>A commit of one partition: absolute counts of the hours touched, then progress.</summary>
    public void Commit(int partition, Random random)
    {
        var touched = hours.Where(_ => random.Next(3) == 0).ToList();
        _inputs[partition] += touched.Count;
        foreach (var hour in touched)
        {
            var versions = _history.TryGetValue((hour, partition), out var known) ? known : _history[(hour, partition)] = [];
            var before = versions.LastOrDefault() ?? new HourPartial();
            var partial = RedisView.Partial(hour, partition, _inputs[partition], before.Clicks + random.Next(1, 9), before.Impressions + 1, before.UniqueUsers + 1);
            versions.Add(partial);
            Append(partition, offset => MemoryTopic.Of(partition, offset, partial));
        }
        Append(partition, offset => MemoryTopic.Of(partition, offset, RedisView.Progress(partition, _inputs[partition], asOfMs: offset + 1)));
        _ends[partition]++;
    }

    public void Compact(int partition) => _compacted[partition] =
        [.. _compacted[partition].GroupBy(r => Convert.ToHexString(r.Key!)).Select(g => g.Last()).OrderBy(r => r.Offset)];

    /// <summary>The next records at a position, as a consumer would see them.</summary>
    public IEnumerable<FeedRecord> Read(int partition, long position, int most) =>
        _compacted[partition].Where(r => r.Offset >= position).Take(most);

    public static PartialRecord<HourPartial> Decode(FeedRecord record) => new HourPartialKind().Read(RedisView.Topic, record);

    /// <summary>Newest counts of an hour that progress up to <paramref name="nextOffset"/> covers; null when there are none.</summary>
    public HourPartial? At(long hour, int partition, long nextOffset) =>
        _history.GetValueOrDefault((hour, partition))?.LastOrDefault(p => p.NextOffset <= nextOffset);

    public HourPartial? Version(long hour, int partition, long nextOffset) =>
        _history.GetValueOrDefault((hour, partition))?.Find(p => p.NextOffset == nextOffset);

    private void Append(int partition, Func<long, FeedRecord> record) => _compacted[partition].Add(record(_ends[partition]++));
}
