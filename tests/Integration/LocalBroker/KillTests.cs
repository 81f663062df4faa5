using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>
/// kill -9 of the broker under load. What was acknowledged must be there once; what was not may be there once or not at all; a transaction is there whole
/// or not at all, with its offsets.
/// </summary>
public sealed class KillTests
{
    private const int Kills = 3;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private BrokerProcess _broker = null!;

    [OneTimeSetUp]
    public void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad())
            Assert.Ignore("librdkafka is not installed.");
    }

    [Test]
    public async Task Acknowledged_records_and_transactions_survive_kill_9()
    {
        int seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using var broker = new BrokerProcess();
        _broker = broker;
        await _broker.StartAsync();
        using (IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _broker.BootstrapServers }).Build())
            await admin.CreateTopicsAsync([Topic("plain", 2), Topic("whole", 2), Topic("in", 1)]);

        using var stop = new CancellationTokenSource();
        var plain = new PlainWriter(_broker.BootstrapServers);
        var whole = new TransactionalWriter(_broker.BootstrapServers);
        Task writers = Task.WhenAll(Task.Run(() => plain.Run(stop.Token)), Task.Run(() => whole.Run(stop.Token)));
        for (int i = 0; i < Kills; i++)
        {
            await Task.Delay(random.Next(300, 1200));
            int before = plain.Acknowledged.Count + whole.Committed.Count;
            await _broker.KillAsync();
            await _broker.StartAsync();
            await Eventually.HoldsAsync(
                "the writers go on", Limit, () => Task.FromResult(plain.Acknowledged.Count + whole.Committed.Count > before + 20));
        }

        await stop.CancelAsync();
        await writers;
        TestContext.Out.WriteLine($"{plain.Acknowledged.Count} records acknowledged, {whole.Committed.Count} transactions committed, {whole.Unknown.Count} undecided");
        VerifyPlain(plain);
        VerifyWhole(whole);
    }

    private static TopicSpecification Topic(string name, int partitions) => new() { Name = name, NumPartitions = partitions, ReplicationFactor = 1 };

    private void VerifyPlain(PlainWriter writer)
    {
        List<int> stored = Read("plain").ConvertAll(r => r.Number);
        Assert.That(stored, Is.Unique, "a record is stored twice");
        Assert.That(writer.Acknowledged.Keys.Except(stored), Is.Empty, "acknowledged records are lost");
    }

    private void VerifyWhole(TransactionalWriter writer)
    {
        List<(int Partition, int Number)> read = Read("whole");
        int[] first = [.. read.Where(r => r.Partition == 0).Select(r => r.Number)];
        int[] second = [.. read.Where(r => r.Partition == 1).Select(r => r.Number)];
        Assert.That(first, Is.EqualTo(second), "a transaction is torn");
        Assert.That(first, Is.Unique.And.Ordered, "a transaction is there twice or out of order");
        Assert.That(writer.Committed.Keys.Except(first), Is.Empty, "a committed transaction is lost");
        Assert.That(first.Except(writer.Committed.Keys).Except(writer.Unknown.Keys), Is.Empty, "an aborted transaction is visible");
        using IConsumer<Ignore, Ignore> group = new ConsumerBuilder<Ignore, Ignore>(
            new ConsumerConfig { BootstrapServers = _broker.BootstrapServers, GroupId = "etl" }).Build();
        Assert.That(group.Committed([new TopicPartition("in", 0)], Limit).Single().Offset.Value, Is.EqualTo(first[^1]), "offsets and records differ");
    }

    private List<(int Partition, int Number)> Read(string topic)
    {
        using IConsumer<Ignore, int> consumer = new ConsumerBuilder<Ignore, int>(new ConsumerConfig
        {
            BootstrapServers = _broker.BootstrapServers,
            GroupId = "reader",
            EnablePartitionEof = true,
            IsolationLevel = IsolationLevel.ReadCommitted,
        }).Build();
        consumer.Assign([new TopicPartitionOffset(topic, 0, 0), new TopicPartitionOffset(topic, 1, 0)]);
        var read = new List<(int, int)>();
        for (int ended = 0; ended < 2;)
        {
            ConsumeResult<Ignore, int> result = consumer.Consume(Limit) ?? throw new AssertionException($"{topic} cannot be read to its end");
            if (result.IsPartitionEOF)
                ended++;
            else
                read.Add((result.Partition, result.Message.Value));
        }

        return read;
    }
}
