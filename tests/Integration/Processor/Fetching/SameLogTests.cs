using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.ProcessorService.Engine.Kafka.Fetching;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor.Fetching;

/// <summary>Whether the log is still the one that was read, whenever its leader was away: none of another log's records is handed out.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
public sealed class SameLogTests
{
    private readonly string _topic = $"same-{Guid.NewGuid():N}";

    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [Test]
    public async Task A_topic_made_anew_and_filled_beyond_what_was_read_is_noticed([Values("local", "kafka")] string kind)
    {
        await using var brokers = await FetchBrokers.TakeAsync(kind);
        await CreateAsync(brokers.Bootstrap);
        await ProduceAsync(brokers.Bootstrap, "a", 5);
        using var log = Open(brokers.Bootstrap);
        Assert.That(ReadToEnd(log), Is.EqualTo(new[] { "a0", "a1", "a2", "a3", "a4" }));

        await MakeAnewAsync(brokers.Bootstrap, _topic);
        await ProduceAsync(brokers.Bootstrap, "b", 20);

        Assert.That(() => ReadToEnd(log), Throws.TypeOf<CorruptedException>().With.Message.Contains("holds another record at offset 4"));
    }

    [Test]
    public async Task A_topic_made_anew_before_anything_was_read_of_it_is_noticed_too([Values(CompressionType.None, CompressionType.Lz4)] CompressionType compression)
    {
        await using var brokers = await FetchBrokers.TakeAsync("local");
        await CreateAsync(brokers.Bootstrap);
        await ProduceAsync(brokers.Bootstrap, "a", 5);
        using var log = Open(brokers.Bootstrap, from: 5);
        Assert.That(ReadToEnd(log, orNothing: true), Is.Empty);

        await MakeAnewAsync(brokers.Bootstrap, _topic);
        await ProduceAsync(brokers.Bootstrap, "b", 20, compression);

        Assert.That(() => ReadToEnd(log), Throws.TypeOf<CorruptedException>().With.Message.Contains("holds another record at offset 4"));
    }

    [Test]
    public async Task A_topic_made_anew_while_the_reader_was_away_is_noticed()
    {
        await using var brokers = await FetchBrokers.TakeAsync("local");
        await CreateAsync(brokers.Bootstrap);
        await ProduceAsync(brokers.Bootstrap, "a", 5);
        using var log = Open(brokers.Bootstrap);
        Assert.That(ReadToEnd(log), Has.Count.EqualTo(5));
        // Its last question is answered with nothing before the topic goes.
        await Task.Delay(TimeSpan.FromSeconds(1));

        await MakeAnewAsync(brokers.Bootstrap, _topic);
        await ProduceAsync(brokers.Bootstrap, "b", 20);

        Assert.That(() => ReadToEnd(log), Throws.TypeOf<CorruptedException>().With.Message.Contains("holds another record at offset 4"));
    }

    [Test]
    public async Task A_log_that_lost_its_end_and_went_on_with_other_records_is_noticed()
    {
        await using var broker = new BrokerProcess();
        await broker.StartAsync();
        await CreateAsync(broker.BootstrapServers);
        await ProduceAsync(broker.BootstrapServers, "a", 3);
        await broker.TerminateAsync();
        var folder = Path.Combine(broker.DataDirectory, "topics", _topic);
        var before = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(file => file, File.ReadAllBytes);
        await broker.StartAsync();
        await ProduceAsync(broker.BootstrapServers, "lost", 2);
        using var log = Open(broker.BootstrapServers);
        Assert.That(ReadToEnd(log), Is.EqualTo(new[] { "a0", "a1", "a2", "lost0", "lost1" }));

        await broker.TerminateAsync();
        Directory.Delete(folder, recursive: true);
        foreach (var (file, bytes) in before)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllBytesAsync(file, bytes);
        }
        await broker.StartAsync();
        await ProduceAsync(broker.BootstrapServers, "b", 20);

        Assert.That(() => ReadToEnd(log), Throws.TypeOf<CorruptedException>().With.Message.Contains("holds another record at offset 4"));
    }

    [Test]
    public async Task The_same_log_is_read_on_after_its_broker_was_away_and_nothing_of_it_twice()
    {
        await using var broker = new BrokerProcess();
        await broker.StartAsync();
        await CreateAsync(broker.BootstrapServers);
        await ProduceAsync(broker.BootstrapServers, "a", 3);
        using var log = Open(broker.BootstrapServers);
        Assert.That(ReadToEnd(log), Is.EqualTo(new[] { "a0", "a1", "a2" }));

        await broker.KillAsync();
        await broker.StartAsync();
        await ProduceAsync(broker.BootstrapServers, "b", 2);
        Assert.That(ReadToEnd(log), Is.EqualTo(new[] { "b0", "b1" }));

        // Too old to be compared with what was read: it goes on all the same.
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = broker.BootstrapServers }).Build();
        await admin.DeleteRecordsAsync([new TopicPartitionOffset(_topic, 0, 5)]);
        await broker.KillAsync();
        await broker.StartAsync();
        await ProduceAsync(broker.BootstrapServers, "c", 1);
        Assert.That(ReadToEnd(log), Is.EqualTo(new[] { "c0" }));
    }

    [Test]
    public async Task The_engine_ends_with_a_sentence_before_it_counts_any_of_a_topic_made_anew()
    {
        await using var brokers = await FetchBrokers.TakeAsync("local");
        var topics = new AnalyticsTopics(brokers.Bootstrap, 1);
        await topics.CreateAsync();
        await using var engine = new RunningEngine(topics.Kafka);
        topics.Produce(new Random(1), 50);
        var counted = topics.ReadHoursWhenAllIsCounted();

        await MakeAnewAsync(brokers.Bootstrap, topics.Kafka.Topics.Events);
        topics.Produce(new Random(2), 200);

        Assert.That(await Task.WhenAny(engine.Ended, Task.Delay(Eventually.Patience)), Is.SameAs(engine.Ended), "it goes on");
        Assert.That(async () => await engine.Ended, Throws.TypeOf<ConfigurationException>().With.Message.Contains("the topic was recreated"));
        Assert.That(topics.ReadHours(), Is.EqualTo(counted), "nothing of it was counted");
    }

    private async Task CreateAsync(string bootstrap)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = _topic, NumPartitions = 1 }]);
    }

    /// <summary>As fast as the broker can.</summary>
    private static async Task MakeAnewAsync(string bootstrap, string topic)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        await admin.DeleteTopicsAsync([topic]);
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = 1 }]);
                return;
            }
            catch (CreateTopicsException e) when (e.Results[0].Error.Code == ErrorCode.TopicAlreadyExists && TimeProvider.System.GetElapsedTime(began) < Eventually.Patience)
            {
            }
        }
    }

    private async Task ProduceAsync(string bootstrap, string name, int count, CompressionType compression = CompressionType.None)
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = bootstrap, Acks = Acks.All, LingerMs = 0, CompressionType = compression }).Build();
        for (var i = 0; i < count; i++) await producer.ProduceAsync(_topic, new Message<Null, string> { Value = $"{name}{i}" });
    }

    private KafkaReplayLog Open(string bootstrap, long from = 0)
    {
        var kafka = new KafkaOptions { BootstrapServers = bootstrap };
        return new KafkaReplayLog(
            KafkaClientConfig.Consumer(kafka, "test", "test-reader"), _topic, [new PartitionOffset(0, from)], isInput: true, new FetchRoute(kafka, new ProcessorOptions()), NullLogger.Instance);
    }

    /// <summary>Reads until records came, <paramref name="orNothing"/>, and their end was told.</summary>
    private static List<string> ReadToEnd(KafkaReplayLog log, bool orNothing = false)
    {
        var read = new List<string>();
        var began = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(began) < Eventually.Patience)
        {
            if (!log.TryRead(TimeSpan.FromMilliseconds(100), out var record)) continue;
            if (!record.IsEnd) read.Add(Encoding.UTF8.GetString(record.Value));
            else if (read.Count > 0 || orNothing) return read;
        }
        throw new AssertionException($"No end was told after {read.Count} records.");
    }
}
