using Tally.MaterializerService.Sinks;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Integration.ReadModel;

/// <summary>
/// Everything that may happen to Redis, in random order: writes by two materializers, refills in their single steps, keys deleted, all
/// emptied, an old dump brought back. After every step no complete hour may hold less than Redis's own progress says.
/// </summary>
public sealed class RedisInterleavingTests
{
    private const int Rounds = 30;
    private const int Steps = 120;

    [Test]
    public async Task No_interleaving_makes_a_part_look_whole()
    {
        await using var redis = await RedisView.StartAsync();
        var seed = Random.Shared.Next();
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        var complete = 0;
        for (var round = 0; round < Rounds; round++)
        {
            await redis.DoAsync("FLUSHALL");
            var world = new World(redis, new Random(seed + round));
            for (var step = 0; step < Steps; step++)
            {
                var what = await world.StepAsync();
                complete += await world.CheckAsync($"seed {seed}, round {round}, step {step}: {what}");
            }
        }
        Assert.That(complete, Is.GreaterThan(Rounds * Steps / 10), "hardly any hour was ever complete: the test proves nothing");
    }

    private sealed class World
    {
        private readonly RedisView _redis;
        private readonly Random _random;
        private readonly HourLog _log;
        private readonly Writer[] _writers;
        private readonly Writer _archiver;
        private readonly MemoryHours _archive = new();
        private readonly Dictionary<int, (long Hour, string Mark, SourceProgress Progress, HourPartials? Archived)> _refills = [];
        private Dictionary<string, (byte[] Dump, long Ttl)>? _dump;

        public World(RedisView redis, Random random)
        {
            _redis = redis;
            _random = random;
            var now = RedisView.ThisHour;
            _log = new HourLog(2, [now, now + 1, now + 2]);
            _writers = [new Writer(_log), new Writer(_log)];
            _archiver = new Writer(_log);
        }

        public async Task<string> StepAsync()
        {
            var partition = _random.Next(_log.Partitions);
            var hour = _log.Hours[_random.Next(_log.Hours.Count)];
            var which = _random.Next(100);
            switch (which)
            {
                case < 20:
                    _log.Commit(partition, _random);
                    return "commit";
                case < 22:
                    _log.Compact(partition);
                    return "compact";
                case < 55:
                    return await _writers[_random.Next(2)].WriteAsync(_redis.Store, _random, most: 4);
                case < 57:
                    return await _writers[_random.Next(2)].RestartAsync(_redis.Store, _random);
                case < 72:
                    return "archive " + await _archiver.WriteAsync(_archive, _random, most: 1);
                case < 90:
                    return await RefillStepAsync(_random.Next(3), hour);
                case < 96:
                    await _redis.DoAsync("DEL", RedisView.Key(hour));
                    return $"delete {hour}";
                case < 97:
                    await _redis.DoAsync("FLUSHALL");
                    return "flush";
                case < 99:
                    _dump = await DumpAsync();
                    return "dump";
                default:
                    await RestoreAsync();
                    return "restore";
            }
        }

        /// <returns>How many hours were complete.</returns>
        public async Task<int> CheckAsync(string when)
        {
            var complete = 0;
            foreach (var hour in _log.Hours)
            {
                var reading = await _redis.ReadAsync(hour);
                if (reading.State != HourState.Complete) continue;
                complete++;
                var sum = default(HourCounts);
                for (var partition = 0; partition < _log.Partitions; partition++)
                {
                    var held = ((string?)await _redis.FieldAsync(hour, $"p{partition}"))?.Split(' ').Select(long.Parse).ToArray();
                    var reached = reading.Progress[partition]?.NextOffset ?? 0;
                    var least = _log.At(hour, partition, reached);
                    Assert.That(held?[1] ?? 0, Is.GreaterThanOrEqualTo(least?.NextOffset ?? 0),
                        $"{when}: hour {hour} is complete but lacks what progress {reached} of partition {partition} covers");
                    if (held is null) continue;
                    var version = _log.Version(hour, partition, held[1])!;
                    Assert.That(held[2..], Is.EqualTo(new[] { version.Clicks, version.Impressions, version.UniqueUsers }), when);
                    sum += new HourCounts(version.UniqueUsers, version.Clicks, version.Impressions);
                }
                Assert.That(reading.Counts, Is.EqualTo(sum), when);
            }
            return complete;
        }

        private async Task<string> RefillStepAsync(int slot, long hour)
        {
            if (!_refills.Remove(slot, out var refill))
            {
                var (mark, progress) = await _redis.Refill.BeginAsync(1, hour, CancellationToken.None);
                _refills[slot] = (hour, mark, progress, null);
                return $"refill {slot} begins {hour}";
            }
            if (refill.Archived is null)
            {
                var archived = _archive.Read(refill.Hour);
                if (archived.Progress.HasRead(refill.Progress)) _refills[slot] = refill with { Archived = archived };
                return $"refill {slot} reads {refill.Hour}";
            }
            var merged = await _redis.Refill.MergeAsync(1, refill.Hour, refill.Mark, refill.Archived.Partials, CancellationToken.None);
            return $"refill {slot} merges {refill.Hour}: {merged}";
        }

        private async Task<Dictionary<string, (byte[], long)>> DumpAsync()
        {
            var dump = new Dictionary<string, (byte[], long)>();
            foreach (var key in (string[])(await _redis.DoAsync("KEYS", "*"))!)
                dump[key] = ((byte[])(await _redis.DoAsync("DUMP", key))!, Math.Max(0, (long)await _redis.DoAsync("PTTL", key)));
            return dump;
        }

        private async Task RestoreAsync()
        {
            if (_dump is null) return;
            await _redis.DoAsync("FLUSHALL");
            foreach (var (key, (dump, ttl)) in _dump) await _redis.DoAsync("RESTORE", key, ttl, dump);
        }
    }

    /// <summary>A materializer without Kafka: reads on where it stands, now and then from before.</summary>
    private sealed class Writer
    {
        private readonly HourLog _log;
        private readonly PendingBatch<HourPartial> _batch = new(new HourPartialKind(), RedisView.Topic, 100);
        private readonly long[] _positions;

        public Writer(HourLog log)
        {
            _log = log;
            _positions = new long[log.Partitions];
            for (var p = 0; p < log.Partitions; p++) _batch.Follow(p, 0);
        }

        public async Task<string> WriteAsync(ISinkStore<HourPartial> store, Random random, int most)
        {
            for (var p = 0; p < _log.Partitions; p++)
            {
                foreach (var record in _log.Read(p, _positions[p], random.Next(most + 1)))
                {
                    _batch.Take(record, HourLog.Decode(record));
                    _positions[p] = record.Offset + 1;
                }
            }
            if (_batch.IsEmpty) return "nothing to write";
            var batch = _batch.Build();
            var result = await store.WriteAsync(batch, CancellationToken.None);
            if (result.Applied)
            {
                _batch.Written();
                return "write " + string.Join(", ", batch.Ranges);
            }
            foreach (var range in batch.Ranges.Where(r => result.Positions[r.Partition] < r.From)) Go(range.Partition, result.Positions[range.Partition]);
            return "write refused";
        }

        public async Task<string> RestartAsync(RedisHourStore store, Random random)
        {
            var positions = await store.ReadPositionsAsync(RedisView.Topic, [.. Enumerable.Range(0, _log.Partitions)], CancellationToken.None);
            // Or a minute earlier, as after a reconnect.
            foreach (var (partition, position) in positions) Go(partition, random.Next(2) == 0 ? position : random.NextInt64(position + 1));
            return "restart";
        }

        private void Go(int partition, long position)
        {
            _positions[partition] = position;
            _batch.Follow(partition, position);
        }
    }

    /// <summary>An archive in memory with the rules of the real one.</summary>
    private sealed class MemoryHours : ISinkStore<HourPartial>
    {
        private readonly Dictionary<(long Hour, int Partition), Shared.Contracts.HourPartial> _partials = [];
        private readonly Dictionary<int, long> _positions = [];

        public string Name => "memory";

        public long Epoch => 0;

        public Task<IReadOnlyDictionary<int, long>> ReadPositionsAsync(string topic, IReadOnlyList<int> partitions, CancellationToken cancellation) =>
            Task.FromResult<IReadOnlyDictionary<int, long>>(partitions.ToDictionary(p => p, p => _positions.GetValueOrDefault(p)));

        public Task<SinkBatchResult> WriteAsync(SinkBatch<HourPartial> batch, CancellationToken cancellation)
        {
            foreach (var partial in batch.Partials) _partials[(partial.Hour, partial.Partition)] = partial;
            foreach (var range in batch.Ranges) _positions[range.Partition] = range.To;
            return Task.FromResult(SinkBatchResult.Done);
        }

        public HourPartials Read(long hour) => new(
            new SourceProgress(2, _positions.Select(p => new PartitionProgress(1, p.Key, 0, 0, p.Value))),
            [.. _partials.Where(p => p.Key.Hour == hour).Select(p => p.Value)]);
    }
}
