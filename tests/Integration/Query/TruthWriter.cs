using Microsoft.Extensions.Options;
using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Integration.Query;

/// <summary>
/// Stands in for processor and materializer: counts that only grow, written into Redis and the archive by the stores of the real one, each
/// at its own pace, with progress each turn.
/// </summary>
internal sealed class TruthWriter : IAsyncDisposable
{
    private const string Topic = "analytics.hours";
    private const int Partitions = 2;
    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly long[] _hours;
    private readonly Random _random;
    private readonly Dictionary<(long Hour, int Partition), HourCounts> _counts = [];
    private readonly List<(long AtMs, Dictionary<long, HourCounts> Totals)> _history = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _running = [];
    private long _version;

    private TruthWriter(int seed, long[] hours)
    {
        _hours = hours;
        _random = new Random(seed);
        Grow();
    }

    public static TruthWriter Start(int seed, long[] hours, RedisConnection redis, RedisOptions options, ArchiveDatabase archive)
    {
        var writer = new TruthWriter(seed, hours);
        writer._running.AddRange(
            [writer.RunAsync(new RedisHourStore(redis, Options.Create(options)), () => false), writer.RunAsync(new SqlHourStore(archive), () => writer.HoldArchive), writer.GrowAsync()]);
        return writer;
    }

    private static long NowMs => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>What is true now; no answer may hold more.</summary>
    public HourCounts Now(long hour)
    {
        lock (_gate) return _history[^1].Totals[hour];
    }

    /// <summary>What was true at a time: an answer as of then or later must not hold less.</summary>
    public HourCounts At(long atMs, long hour)
    {
        lock (_gate)
        {
            var at = _history.FindLastIndex(h => h.AtMs <= atMs);
            return at < 0 ? default : _history[at].Totals[hour];
        }
    }

    /// <summary>Nothing is written into the archive: it falls behind.</summary>
    public bool HoldArchive { get; set; }

    /// <summary>No more events; progress goes on.</summary>
    public bool Still { get; set; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        _stop.Dispose();
    }

    private async Task GrowAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            await Task.Delay(Turn, CancellationToken.None);
            if (!Still) Grow();
        }
    }

    private void Grow()
    {
        lock (_gate)
        {
            _version++;
            foreach (var hour in _hours)
            {
                var partition = _random.Next(Partitions);
                var clicks = _random.Next(3);
                var grown = new HourCounts(_random.Next(clicks + 1), clicks, 0);
                _counts[(hour, partition)] = _counts.GetValueOrDefault((hour, partition)) + grown;
            }
            _history.Add((NowMs, _hours.ToDictionary(h => h, h => _counts.Where(c => c.Key.Hour == h).Aggregate(default(HourCounts), (sum, c) => sum + c.Value))));
        }
    }

    private async Task RunAsync(ISinkStore<HourPartial> store, Func<bool> isHeld)
    {
        var positions = new long[Partitions];
        while (!_stop.IsCancellationRequested)
        {
            await Task.Delay(Turn, CancellationToken.None);
            if (isHeld()) continue;
            var batch = Batch(positions);
            using var limit = new CancellationTokenSource(Limit);
            try
            {
                var result = await store.WriteAsync(batch, limit.Token);
                foreach (var range in batch.Ranges) positions[range.Partition] = result.Applied ? range.To : result.Positions[range.Partition];
            }
            catch (Exception e) when (e is not (AssertionException or ConfigurationException))
            {
                // Away, slow or read-only: the same again next turn.
            }
        }
    }

    /// <summary>Absolute counts of all hours; whoever stands at zero has lost something and takes the same from the beginning.</summary>
    private SinkBatch<HourPartial> Batch(long[] positions)
    {
        lock (_gate)
        {
            var partials = _counts.Select(c => new HourPartial
            {
                Hour = c.Key.Hour,
                Partition = c.Key.Partition,
                Generation = 1,
                NextOffset = _version,
                UniqueUsers = c.Value.UniqueUsers,
                Clicks = c.Value.Clicks,
                Impressions = c.Value.Impressions,
            });
            var progress = Enumerable.Range(0, Partitions).Select(p => new Progress
            {
                Generation = 1,
                Partition = p,
                NextOffset = _version,
                AsOfMs = NowMs,
                CommittedAtMs = NowMs,
                SinceMs = _history[0].AtMs,
                PartitionCount = Partitions,
                Outcomes = new Outcomes { Counted = _version },
            });
            return new SinkBatch<HourPartial>(Topic, [.. Enumerable.Range(0, Partitions).Select(p => new ReadRange(p, positions[p], Math.Max(positions[p], _version)))],
                [.. partials], [.. progress]);
        }
    }
}
