using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor.Fetching;

/// <summary>Both ways of fetching bring the same records, from local-broker as from Kafka.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
public sealed class FetchTests
{
    private const int Partitions = 3;

    private readonly string _topic = $"fetched-{Guid.NewGuid():N}";

    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [Test]
    public async Task Of_transactions_side_by_side_what_was_committed_is_read_once_and_in_order([Values("local", "kafka")] string kind)
    {
        var seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using var brokers = await StartAsync(kind);
        using var first = Producer(brokers.Bootstrap, "first");
        using var second = Producer(brokers.Bootstrap, "second");
        using var plain = Producer(brokers.Bootstrap, null);
        var written = new List<(int Partition, long Offset, string Key)>();
        for (var round = 0; round < 12; round++)
        {
            first.BeginTransaction();
            second.BeginTransaction();
            var (ofFirst, ofSecond) = (new List<(int, long, string)>(), new List<(int, long, string)>());
            for (var i = 0; i < 20; i++)
            {
                var (producer, list) = random.Next(3) switch { 0 => (first, ofFirst), 1 => (second, ofSecond), _ => (plain, written) };
                var key = $"{round}-{i}";
                var result = await producer.ProduceAsync(new TopicPartition(_topic, random.Next(Partitions)), new Message<string, byte[]> { Key = key, Value = new byte[random.Next(2_000)] });
                list.Add((result.Partition.Value, result.Offset.Value, key));
            }
            if (End(first, random)) written.AddRange(ofFirst);
            if (End(second, random)) written.AddRange(ofSecond);
        }

        Assert.That(Read(brokers.Bootstrap, ProcessorOptions.Direct), Is.EqualTo(written.Order()));
        Assert.That(Read(brokers.Bootstrap, "librdkafka"), Is.EqualTo(written.Order()));
    }

    [Test]
    public async Task A_record_larger_than_an_answer_comes_alone([Values("local", "kafka")] string kind)
    {
        await using var brokers = await StartAsync(kind);
        using var producer = Producer(brokers.Bootstrap, null);
        var written = new List<(int, long, string)>();
        foreach (var size in new[] { 10, 3_000_000, 20, 2_500_000, 2_500_000, 30 })
        {
            for (var partition = 0; partition < Partitions; partition++)
            {
                var result = await producer.ProduceAsync(new TopicPartition(_topic, partition), new Message<string, byte[]> { Key = $"{size}", Value = new byte[size] });
                written.Add((partition, result.Offset.Value, $"{size}"));
            }
        }

        Assert.That(Read(brokers.Bootstrap, ProcessorOptions.Direct), Is.EqualTo(written.Order()));
    }

    [Test]
    public async Task Where_compressed_records_begin_it_goes_on_through_librdkafka([Values(CompressionType.Gzip, CompressionType.Snappy, CompressionType.Lz4, CompressionType.Zstd)] CompressionType compression)
    {
        await using var brokers = await StartAsync("local");
        var topics = new AnalyticsTopics(brokers.Bootstrap, 4);
        await topics.CreateAsync();
        var random = new Random(1);
        await using var engine = new RunningEngine(topics.Kafka);
        topics.Produce(random, 2_000);
        topics.ReadHoursWhenAllIsCounted();
        topics.Compression = compression;
        topics.Produce(random, 2_000);
        topics.Compression = CompressionType.None;
        topics.Produce(random, 1_000);

        Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours));
        Assert.That(engine.Faults, Is.Zero, "it went on in the same session");
    }

    private async Task<FetchBrokers.Lease> StartAsync(string kind)
    {
        var brokers = await FetchBrokers.TakeAsync(kind);
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = brokers.Bootstrap }).Build();
        await admin.CreateTopicsAsync([new() { Name = _topic, NumPartitions = Partitions, Configs = new() { ["max.message.bytes"] = "4000000" } }]);
        return brokers;
    }

    private static IProducer<string, byte[]> Producer(string bootstrap, string? transactionalId)
    {
        var producer = new ProducerBuilder<string, byte[]>(new ProducerConfig
        {
            BootstrapServers = bootstrap,
            TransactionalId = transactionalId,
            LingerMs = 0,
            MessageMaxBytes = 4_000_000,
            Acks = Acks.All,
        }).Build();
        if (transactionalId is not null) producer.InitTransactions(Eventually.Promptly);
        return producer;
    }

    private static bool End(IProducer<string, byte[]> producer, Random random)
    {
        var commits = random.Next(2) == 0;
        if (commits) producer.CommitTransaction();
        else producer.AbortTransaction();
        return commits;
    }

    /// <summary>Reads until every partition's end was told.</summary>
    private List<(int, long, string)> Read(string bootstrap, string fetching)
    {
        var kafka = new KafkaOptions { BootstrapServers = bootstrap };
        using var broker = new KafkaBroker(kafka, new ProcessorOptions { Fetching = fetching }, new EngineStatus(TimeProvider.System), TimeProvider.System, NullLogger<KafkaBroker>.Instance);
        var ends = Enumerable.Range(0, Partitions).Select(p => broker.QueryEnds(_topic, p).High).ToArray();
        using var log = broker.OpenReplay(_topic, [.. Enumerable.Range(0, Partitions).Select(p => new PartitionOffset(p, 0))]);
        var read = new List<(int, long, string)>();
        var ended = new HashSet<int>();
        var began = TimeProvider.System.GetTimestamp();
        while (ended.Count < Partitions && TimeProvider.System.GetElapsedTime(began) < Eventually.Patience)
        {
            if (!log.TryRead(TimeSpan.FromMilliseconds(100), out var record)) continue;
            if (!record.IsEnd) read.Add((record.Partition, record.Offset, Encoding.UTF8.GetString(record.Key)));
            // Markers count among what was read, and may still come.
            else if (record.Offset >= ends[record.Partition]) ended.Add(record.Partition);
        }
        Assert.That(ended, Has.Count.EqualTo(Partitions), "ends that were told");
        return [.. read.OrderBy(r => r.Item1)];
    }
}
