using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Integration.ReadModel;

/// <summary>Refills of the same few hours beside a materializer that writes them without pause, while keys are deleted.</summary>
public sealed class RedisRefillRaceTests
{
    private const int Refills = 10_000;
    private const int Refillers = 8;
    private const int Partitions = 2;

    [Test]
    public async Task Ten_thousand_refills_racing_with_the_materializer_never_turn_a_total_back()
    {
        await using var redis = await RedisView.StartAsync();
        var seed = Random.Shared.Next();
        long[] hours = [RedisView.ThisHour, RedisView.ThisHour - 1, RedisView.ThisHour - 2];
        var truth = new Truth(hours, new Random(seed));
        var refill = new RedisHourRefill(redis.Connection, redis.Reader, truth, Microsoft.Extensions.Options.Options.Create(redis.Settings), TimeProvider.System);
        var (done, behind, deleted) = (0, 0, 0);

        var refillers = Enumerable.Range(0, Refillers).Select(n => Task.Run(async () =>
        {
            var random = new Random(seed + n);
            while (Volatile.Read(ref done) < Refills)
            {
                if (await refill.RefillAsync(hours[random.Next(hours.Length)], CancellationToken.None)) Interlocked.Increment(ref done);
                else Interlocked.Increment(ref behind);
            }
        })).ToArray();
        var refilled = Task.WhenAll(refillers);
        var writing = Task.Run(() => WriteAsync(redis, truth, refilled));
        var reading = Task.Run(() => ReadAsync(redis, truth, hours, refilled));
        var random = new Random(~seed);
        while (!refilled.IsCompleted)
        {
            await redis.DoAsync("DEL", RedisView.Key(hours[random.Next(hours.Length)]));
            deleted++;
            await Task.Delay(20);
        }
        await refilled;
        var versions = await writing;
        var complete = await reading;

        await TestContext.Out.WriteLineAsync($"seed {seed}: {done} refills, {behind} refused, {versions} writes, {deleted} deletes, {complete} complete readings");
        truth.Archive();
        foreach (var hour in hours)
        {
            Assert.That(await refill.RefillAsync(hour, CancellationToken.None), Is.True);
            Assert.That((await redis.ReadAsync(hour)).Counts, Is.EqualTo(truth.Now(hour)));
        }
        Assert.That((versions, complete), Is.GreaterThan((500, 500)), "hardly anything raced: the test proves nothing");
    }

    private static async Task<int> WriteAsync(RedisView redis, Truth truth, Task end)
    {
        for (var turn = 0; ; turn++)
        {
            var batch = truth.Grow();
            // Either of the two sinks may be ahead of the other.
            if (turn % 2 == 0) truth.Archive();
            await redis.ApplyAsync(batch);
            if (turn % 2 == 1) truth.Archive();
            if (end.IsCompleted) return turn + 1;
        }
    }

    private static async Task<int> ReadAsync(RedisView redis, Truth truth, long[] hours, Task end)
    {
        var last = new Dictionary<long, HourCounts>();
        for (var complete = 0; ;)
        {
            foreach (var hour in hours)
            {
                var reading = await redis.ReadAsync(hour);
                if (reading.State != HourState.Complete) continue;
                complete++;
                Assert.That(NotLess(truth.Now(hour), reading.Counts), () => $"hour {hour}: {reading.Counts} is more than was ever written");
                Assert.That(NotLess(reading.Counts, last.GetValueOrDefault(hour)), () => $"hour {hour}: {reading.Counts} after {last[hour]}");
                last[hour] = reading.Counts;
            }
            if (end.IsCompleted) return complete;
        }
    }

    private static bool NotLess(HourCounts a, HourCounts b) => a.UniqueUsers >= b.UniqueUsers && a.Clicks >= b.Clicks && a.Impressions >= b.Impressions;

    /// <summary>What was ever counted, and an archive that is now and then a write behind.</summary>
    private sealed class Truth(long[] hours, Random random) : IHourPartialSource
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<(long Hour, int Partition), HourPartial> _partials = [];
        private Dictionary<(long Hour, int Partition), HourPartial> _archived = [];
        private long _version;
        private long _archivedVersion;

        public SinkBatch<HourPartial> Grow()
        {
            lock (_gate)
            {
                _version++;
                var hour = hours[random.Next(hours.Length)];
                var partition = random.Next(Partitions);
                var before = _partials.GetValueOrDefault((hour, partition)) ?? new HourPartial();
                var partial = RedisView.Partial(hour, partition, _version, before.Clicks + random.Next(3), before.Impressions + 1, before.UniqueUsers + 1);
                _partials[(hour, partition)] = partial;
                return new SinkBatch<HourPartial>(RedisView.Topic, [.. Enumerable.Range(0, Partitions).Select(p => new ReadRange(p, _version - 1, _version))],
                    [partial], [.. Enumerable.Range(0, Partitions).Select(p => RedisView.Progress(p, _version, asOfMs: _version))]);
            }
        }

        public void Archive()
        {
            lock (_gate) (_archived, _archivedVersion) = (new(_partials), _version);
        }

        public HourCounts Now(long hour)
        {
            lock (_gate) return _partials.Where(p => p.Key.Hour == hour).Aggregate(default(HourCounts), (sum, p) => sum + new HourCounts(p.Value.UniqueUsers, p.Value.Clicks, p.Value.Impressions));
        }

        public Task<SourceProgress> ReadProgressAsync(int generation, CancellationToken cancellation)
        {
            lock (_gate) return Task.FromResult(Progress());
        }

        public Task<HourPartials> ReadPartialsAsync(int generation, long hour, CancellationToken cancellation)
        {
            lock (_gate) return Task.FromResult(new HourPartials(Progress(), [.. _archived.Where(p => p.Key.Hour == hour).Select(p => p.Value)]));
        }

        private SourceProgress Progress() =>
            new(Partitions, Enumerable.Range(0, Partitions).Select(p => new PartitionProgress(1, p, _archivedVersion, _archivedVersion, _archivedVersion)));
    }
}
