using Confluent.Kafka;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>A data folder in which a file is missing, damaged, or from a later version: what can be rebuilt is, the rest is refused with a sentence.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class DataFolderTests
{
    private const int VersionByte = 5;
    private readonly string _folder = Directory.CreateTempSubdirectory("tally-broker-").FullName;

    [SetUp]
    public async Task FillFolder()
    {
        if (!NativeKafkaForTests.TryLoad())
            Assert.Ignore("librdkafka is not installed.");
        await using TestBroker broker = await TestBroker.StartAsync(dataDirectory: _folder);
        await broker.CreateTopicAsync("events");
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(
            new ProducerConfig { BootstrapServers = broker.BootstrapServers, TransactionalId = "writer" }).Build();
        producer.InitTransactions(Eventually.Patience);
        producer.BeginTransaction();
        producer.Produce("events", new Message<Null, string> { Value = "once" });
        producer.CommitTransaction(Eventually.Patience);
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("catalog")]
    [TestCase("groups")]
    [TestCase("transactions")]
    [TestCase("producer-ids")]
    public async Task A_file_of_a_later_version_refuses_the_start(string name)
    {
        string file = Path.Combine(_folder, name);
        byte[] content = await File.ReadAllBytesAsync(file);
        content[VersionByte] = 99;
        await File.WriteAllBytesAsync(file, content);
        await AssertRefused(file, "newer local-broker");
    }

    [TestCase("catalog", "is missing")]
    [TestCase("groups", "Put it back")]
    [TestCase("transactions", "Put it back")]
    [TestCase("topics/events/0/00000000000000000000.log", "lacks its log")]
    public async Task A_missing_file_that_nothing_can_replace_refuses_the_start(string name, string sentence)
    {
        File.Delete(Path.Combine(_folder, name));
        await AssertRefused(_folder, sentence);
    }

    [Test]
    public async Task Missing_helper_files_are_rebuilt_and_leftovers_do_no_harm()
    {
        File.Delete(Path.Combine(_folder, "producer-ids"));
        File.Delete(Directory.GetFiles(Path.Combine(_folder, "topics", "events", "0"), "*.checkpoint").Single());
        foreach (string name in new[] { "catalog", "groups", "transactions", "producer-ids" })
            await File.WriteAllTextAsync(Path.Combine(_folder, name + ".tmp"), "half of some");
        await using TestBroker broker = await TestBroker.StartAsync(dataDirectory: _folder);
        // A producer id that was given before would make the broker take its first record for a repetition of another's.
        using (IProducer<Null, string> producer = new ProducerBuilder<Null, string>(
            new ProducerConfig { BootstrapServers = broker.BootstrapServers, EnableIdempotence = true }).Build())
            Assert.That((await producer.ProduceAsync("events", new Message<Null, string> { Value = "twice" })).Offset.Value, Is.EqualTo(2));
        using IConsumer<Null, string> consumer = new ConsumerBuilder<Null, string>(
            new ConsumerConfig { BootstrapServers = broker.BootstrapServers, GroupId = "reader" }).Build();
        consumer.Assign(new TopicPartitionOffset("events", 0, Offset.Beginning));
        Assert.That(consumer.Consume(Eventually.Patience).Message.Value, Is.EqualTo("once"));
        Assert.That(consumer.Consume(Eventually.Patience).Message.Value, Is.EqualTo("twice"));
    }

    private async Task AssertRefused(string names, string sentence)
    {
        var refused = Assert.ThrowsAsync<DataFolderException>(() => TestBroker.StartAsync(dataDirectory: _folder));
        Assert.That(refused!.Message, Does.Contain(names).And.Contain(sentence));
        if (sentence is "Put it back" or "lacks its log")
            await (await TestBroker.StartAsync(o => o with { Recovery = RecoveryMode.Repair }, _folder)).DisposeAsync();
    }
}
