using Confluent.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>One broker for each test, and clients set up the way these tests need them. They mostly wait, so they run side by side.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public abstract class BrokerFixture
{
    protected TestBroker Broker { get; private set; } = null!;

    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad())
            Assert.Ignore("librdkafka is not installed.");
    }

    [SetUp]
    public async Task StartBroker() => Broker = await TestBroker.StartAsync();

    [TearDown]
    public async Task StopBroker() => await Broker.DisposeAsync();

    protected IProducer<string, string> Producer(Action<ProducerConfig>? configure = null)
    {
        var config = new ProducerConfig { BootstrapServers = Broker.BootstrapServers, Acks = Acks.All, LingerMs = 2, SocketTimeoutMs = 10_000 };
        configure?.Invoke(config);
        try
        {
            return new ProducerBuilder<string, string>(config).SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { }).Build();
        }
        catch (ArgumentException e) when (e.Message.Contains("not available at build time", StringComparison.Ordinal))
        {
            Assert.Ignore($"This librdkafka was built without what the test wants: {e.Message}");
            throw;
        }
    }

    protected IProducer<string, string> TransactionalProducer(string id, int timeoutMs = 10_000)
    {
        IProducer<string, string> producer = Producer(c => (c.TransactionalId, c.TransactionTimeoutMs, c.SocketTimeoutMs, c.MessageTimeoutMs) = (id, timeoutMs, timeoutMs, timeoutMs));
        producer.InitTransactions(Eventually.Patience);
        return producer;
    }

    protected IConsumer<string, string> Consumer(string group = "readers", Action<ConsumerConfig>? configure = null)
    {
        var config = new ConsumerConfig
        {
            BootstrapServers = Broker.BootstrapServers,
            GroupId = group,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = false,
            EnablePartitionEof = true,
            SessionTimeoutMs = 6000,
            HeartbeatIntervalMs = 200,
            IsolationLevel = IsolationLevel.ReadCommitted,
            CheckCrcs = true,
        };
        configure?.Invoke(config);
        return new ConsumerBuilder<string, string>(config).SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { }).Build();
    }

    /// <summary>Everything readable in the topic's partitions, by assignment and up to the end of each.</summary>
    protected List<ConsumeResult<string, string>> ReadAll(string topic, int partitions, IsolationLevel isolation = IsolationLevel.ReadCommitted)
    {
        using IConsumer<string, string> consumer = Consumer(configure: c => c.IsolationLevel = isolation);
        consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var read = new List<ConsumeResult<string, string>>();
        var ended = new HashSet<int>();
        long start = Environment.TickCount64;
        while (ended.Count < partitions)
        {
            Assert.That(Environment.TickCount64 - start, Is.LessThan(Eventually.Patience.TotalMilliseconds), $"{topic} was not read to its end; {read.Count} records so far");
            if (consumer.Consume(TimeSpan.FromMilliseconds(200)) is not { } result)
                continue;
            if (result.IsPartitionEOF)
                ended.Add(result.Partition);
            else
                read.Add(result);
        }

        return read;
    }
}
