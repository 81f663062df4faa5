using Confluent.Kafka;
using Tally.Shared.Contracts;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Command;

/// <summary>A broker with the events' topic for each test, and a reader of it.</summary>
public abstract class CommandFixture
{
    protected const string Topic = "analytics.events";
    protected const int Partitions = 8;

    private DirectoryInfo _folder = null!;

    protected TestBroker Broker { get; private set; } = null!;

    [OneTimeSetUp]
    public void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [SetUp]
    public async Task StartBroker()
    {
        _folder = Directory.CreateTempSubdirectory("tally-command-");
        Broker = await TestBroker.StartAsync(dataDirectory: _folder.FullName);
        await Broker.CreateTopicAsync(Topic, Partitions);
    }

    [TearDown]
    public async Task StopBroker()
    {
        await Broker.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>Stops the broker; a new one on the same port and data comes with the returned call.</summary>
    protected async Task<Func<Task>> TakeBrokerAwayAsync()
    {
        var port = Broker.Server.Port;
        await Broker.DisposeAsync();
        return async () => Broker = await TestBroker.StartAsync(o => o with { Port = port }, _folder.FullName);
    }

    /// <summary>Everything committed in the topic, by a consumer that is none of ours.</summary>
    protected IReadOnlyList<ConsumeResult<byte[], byte[]>> ReadAll()
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig
        {
            BootstrapServers = Broker.BootstrapServers,
            GroupId = "test",
            IsolationLevel = IsolationLevel.ReadCommitted,
            EnableAutoCommit = false,
            EnablePartitionEof = true,
        }).SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { }).Build();
        consumer.Assign(Enumerable.Range(0, Partitions).Select(p => new TopicPartitionOffset(Topic, p, Offset.Beginning)));

        var read = new List<ConsumeResult<byte[], byte[]>>();
        for (var ended = 0; ended < Partitions;)
        {
            var one = consumer.Consume(TimeSpan.FromSeconds(15)) ?? throw new TimeoutException("The topic was not read to its end.");
            if (one.IsPartitionEOF) ended++;
            else read.Add(one);
        }
        return read;
    }

    protected IReadOnlyList<AnalyticsEvent> ReadEvents() => [.. ReadAll().Select(r => AnalyticsEvent.Parser.ParseFrom(r.Message.Value))];
}
