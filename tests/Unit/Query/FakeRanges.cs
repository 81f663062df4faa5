using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.Tests.Unit.Query;

/// <summary>A source of ranges made of plain sets of users: what the archive would hold of them.</summary>
public sealed class FakeRanges : IRangeSource
{
    private readonly SortedDictionary<(long Hour, int Partition), HourOfUsers> _hours = [];

    public const int Partitions = 3;

    /// <summary>Asked before each read; what it throws is the fault.</summary>
    public Func<CancellationToken, Task> Step { get; set; } = _ => Task.CompletedTask;

    /// <summary>Null for fresh and complete.</summary>
    public Func<SourceProgress>? Progress { get; set; }

    /// <summary>Hours of which there is no sketch yet.</summary>
    public HashSet<long> Unsketched { get; } = [];

    public int Reads { get; private set; }

    /// <summary>An event; the user's partition is that of its hash.</summary>
    public void Add(long hour, UInt128 user, bool click)
    {
        var key = (hour, (int)(user % Partitions));
        if (!_hours.TryGetValue(key, out var numbers)) _hours.Add(key, numbers = new HourOfUsers());
        numbers.Users.Add(user);
        if (click) numbers.Clicks++;
        else numbers.Impressions++;
    }

    public async Task<RangeBegin> BeginAsync(CancellationToken cancellation)
    {
        await Step(cancellation);
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var progress = Progress?.Invoke() ?? new SourceProgress(Partitions, Enumerable.Range(0, Partitions).Select(p => new PartitionProgress(1, p, 10, now, 0)));
        return new RangeBegin(1, progress);
    }

    public async Task<IReadOnlyList<SpanCounts>> ReadCountsAsync(int generation, SpanRun run, CancellationToken cancellation)
    {
        Reads++;
        await Step(cancellation);
        return [.. In(run).GroupBy(h => (Start: SketchSpans.Start(run.Kind, h.Key.Hour), h.Key.Partition)).Select(g => new SpanCounts(
            g.Key.Start, g.Key.Partition, g.Sum(h => h.Value.Clicks), g.Sum(h => h.Value.Impressions),
            new SpanUsers(g.Sum(h => (long)h.Value.Users.Count), g.Max(h => (long)h.Value.Users.Count), g.Count(), Union(g).Estimate(), Union(g).RelativeError,
                Sketched(g).Sum(h => (long)h.Value.Users.Count))))];
    }

    public async Task<IReadOnlyList<StoredSketch>> ReadSketchesAsync(int generation, SpanRun run, StoredSketch? after, int rows, CancellationToken cancellation)
    {
        await Step(cancellation);
        return [.. Sketched(In(run)).GroupBy(h => (Start: SketchSpans.Start(run.Kind, h.Key.Hour), h.Key.Partition))
            .OrderBy(g => g.Key).Where(g => after is null || g.Key.CompareTo((after.Start, after.Partition)) > 0).Take(rows)
            .Select(g => new StoredSketch(g.Key.Start, g.Key.Partition, g.Sum(h => (long)h.Value.Users.Count), HyperLogLogFormat.Write(Union(g))))];
    }

    private IEnumerable<KeyValuePair<(long Hour, int Partition), HourOfUsers>> In(SpanRun run) => _hours.Where(h => h.Key.Hour >= run.From && h.Key.Hour < run.To);

    private IEnumerable<KeyValuePair<(long Hour, int Partition), HourOfUsers>> Sketched(IEnumerable<KeyValuePair<(long Hour, int Partition), HourOfUsers>> hours) =>
        hours.Where(h => !Unsketched.Contains(h.Key.Hour));

    private HyperLogLog Union(IEnumerable<KeyValuePair<(long Hour, int Partition), HourOfUsers>> hours)
    {
        var union = new HyperLogLog();
        foreach (var user in Sketched(hours).SelectMany(h => h.Value.Users)) union.Add(user);
        return union;
    }

    private sealed class HourOfUsers
    {
        public HashSet<UInt128> Users { get; } = [];
        public long Clicks { get; set; }
        public long Impressions { get; set; }
    }
}
