using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>
/// kill -9 of the broker under load, at random moments, also while it starts. What was acknowledged must be there once; what was not may be there once or
/// not at all; a transaction is there whole or not at all, with its offsets. `make chaos-broker KILLS=50 SEED=1` goes round more often.
/// </summary>
public sealed class KillTests
{
    private const int PlainPartitions = 4;
    private const int KeyedPartitions = 2;
    private static readonly int Kills = Setting("KILLS") ?? 3;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private BrokerProcess _broker = null!;
    private Random _random = null!;

    [OneTimeSetUp]
    public void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad())
            Assert.Ignore("librdkafka is not installed.");
    }

    [Test]
    public async Task Acknowledged_records_and_transactions_survive_kill_9()
    {
        int seed = Setting("SEED") ?? Environment.TickCount;
        await TestContext.Progress.WriteLineAsync($"broker kills: seed {seed}, {Kills} kills");
        _random = new Random(seed);
        // Checkpoints, retention and compaction are to be met by a kill too, so they run all the time and segments are small.
        await using var broker = new BrokerProcess("--maintenance-interval-ms", "200");
        _broker = broker;
        await _broker.StartAsync();
        await CreateTopics();

        using var stop = new CancellationTokenSource();
        var plain = new PlainWriter(_broker.BootstrapServers, "plain", PlainPartitions);
        var keyed = new PlainWriter(_broker.BootstrapServers, "keyed", KeyedPartitions);
        TransactionalWriter[] whole = [new(_broker.BootstrapServers, 0, Limit), new(_broker.BootstrapServers, 1, TimeSpan.FromMilliseconds(1))];
        int Done() => plain.Acknowledged.Count + keyed.Acknowledged.Count + whole.Sum(w => w.Committed.Count);
        Task writers = Task.WhenAll(((Action<CancellationToken>[])[plain.Run, keyed.Run, whole[0].Run, whole[1].Run]).Select(run => Task.Run(() => run(stop.Token))));
        for (int killed = 0; killed < Kills;)
        {
            int before = Done();
            await Eventually.HoldsAsync("the writers go on", () => Task.FromResult(Done() > before + 20));
            await Task.Delay(_random.Next(0, 1000));
            await _broker.KillAsync();
            if (++killed < Kills && _random.Next(4) == 0)
            {
                await _broker.StartAndKillAsync(TimeSpan.FromMilliseconds(_random.Next(50, 600)));
                killed++;
            }

            // Any policy keeps its promise against kill -9.
            await _broker.StartAsync("--flush", new[] { "never", "interval", "group" }[_random.Next(3)]);
        }

        await stop.CancelAsync();
        await writers;
        string result = $"seed {seed}: {Kills} kills, {plain.Acknowledged.Count + keyed.Acknowledged.Count} records acknowledged, "
            + $"{whole.Sum(w => w.Committed.Count)} transactions committed, {whole.Sum(w => w.Unknown.Count)} of unknown outcome";
        await TestContext.Progress.WriteLineAsync(result);
        VerifyPlain(plain);
        VerifyKeyed(keyed);
        VerifyWhole(whole);
    }

    private static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value) ? value : null;

    private async Task CreateTopics()
    {
        static TopicSpecification Topic(string name, int partitions, string segmentBytes, string policy = "delete") => new()
        {
            Name = name,
            NumPartitions = partitions,
            ReplicationFactor = 1,
            Configs = new Dictionary<string, string> { ["segment.bytes"] = segmentBytes, ["cleanup.policy"] = policy, ["min.cleanable.dirty.ratio"] = "0.1" },
        };
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _broker.BootstrapServers }).Build();
        await admin.CreateTopicsAsync(
        [
            Topic("plain", PlainPartitions, "1048576"), Topic("keyed", KeyedPartitions, "65536", "compact"),
            Topic("whole", TransactionalWriter.Partitions, "65536"), Topic("in", 2, "1048576"),
        ]);
    }

    private void VerifyPlain(PlainWriter writer)
    {
        List<(int Partition, int Key, int Number)> read = Read("plain", PlainPartitions);
        for (int partition = 0; partition < PlainPartitions; partition++)
            Assert.That(read.Where(r => r.Partition == partition).Select(r => r.Number), Is.Ordered.Ascending, "records are out of order");
        var stored = read.Select(r => r.Number).ToHashSet();
        Assert.That(stored, Has.Count.EqualTo(read.Count), "a record is stored twice");
        Assert.That(writer.Acknowledged.Keys.Where(n => !stored.Contains(n)), Is.Empty, "acknowledged records are lost");
    }

    private void VerifyKeyed(PlainWriter writer)
    {
        List<(int Partition, int Key, int Number)> read = Read("keyed", KeyedPartitions);
        Assert.That(read.Select(r => r.Number).Distinct().Count(), Is.EqualTo(read.Count), "a record is stored twice");
        TestContext.Out.WriteLine($"compaction left {read.Count} of {writer.Acknowledged.Count} keyed records");
        ILookup<int, int> stored = read.ToLookup(r => r.Key, r => r.Number);
        foreach (IGrouping<int, int> key in writer.Acknowledged.Keys.GroupBy(n => n % PlainWriter.Keys))
            Assert.That(stored[key.Key].Last(), Is.GreaterThanOrEqualTo(key.Max()), $"the newest acknowledged record of key {key.Key} is lost");
    }

    private void VerifyWhole(TransactionalWriter[] writers)
    {
        List<(int Partition, int Key, int Number)> read = Read("whole", TransactionalWriter.Partitions);
        foreach (TransactionalWriter writer in writers)
        {
            int[][] partitions = [.. Enumerable.Range(0, TransactionalWriter.Partitions)
                .Select(p => read.Where(r => r.Partition == p && r.Key == writer.Slot).Select(r => r.Number).ToArray())];
            int[] visible = [.. partitions[0].Distinct()];
            int[] whole = [.. visible.SelectMany(n => Enumerable.Repeat(n, TransactionalWriter.RecordsOf(n)))];
            foreach (int[] partition in partitions)
                Assert.That(partition, Is.EqualTo(whole), "a transaction is torn, there twice or out of order");
            Assert.That(visible, Is.Ordered.Ascending);
            TestContext.Out.WriteLine($"writer {writer.Slot}: {writer.Committed.Count} committed, of {writer.Unknown.Count} unknown outcomes {visible.Count(writer.Unknown.ContainsKey)} were commits");
            Assert.That(writer.Committed.Keys.Except(visible), Is.Empty, "a committed transaction is lost");
            Assert.That(visible.Except(writer.Committed.Keys).Except(writer.Unknown.Keys), Is.Empty, "an aborted transaction is visible");
            using IConsumer<Ignore, Ignore> group = new ConsumerBuilder<Ignore, Ignore>(
                new ConsumerConfig { BootstrapServers = _broker.BootstrapServers, GroupId = "etl" }).Build();
            long offset = group.Committed([new TopicPartition("in", writer.Slot)], Limit).Single().Offset.Value;
            Assert.That(offset, Is.EqualTo(visible.Length > 0 ? visible[^1] : Offset.Unset.Value), "offsets and records differ");
        }
    }

    private List<(int Partition, int Key, int Number)> Read(string topic, int partitions)
    {
        using IConsumer<int, int> consumer = new ConsumerBuilder<int, int>(new ConsumerConfig
        {
            BootstrapServers = _broker.BootstrapServers,
            GroupId = "reader",
            EnablePartitionEof = true,
            IsolationLevel = IsolationLevel.ReadCommitted,
            CheckCrcs = true,
        }).Build();
        consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var read = new List<(int, int, int)>();
        for (int ended = 0; ended < partitions;)
        {
            ConsumeResult<int, int> result = consumer.Consume(Limit) ?? throw new AssertionException($"{topic} cannot be read to its end");
            if (!result.IsPartitionEOF)
            {
                read.Add((result.Partition, result.Message.Key, result.Message.Value));
                continue;
            }

            // A committed reader ends before the first open transaction and sees nothing of what others committed behind it.
            long end = consumer.GetWatermarkOffsets(result.TopicPartition).High.Value;
            Assert.That(result.Offset.Value, Is.EqualTo(end), $"{topic} cannot be read to its end: a transaction is still open");
            ended++;
        }

        return read;
    }
}
