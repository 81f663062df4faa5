using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

public sealed class AdminTests : BrokerFixture
{
    private IAdminClient _admin = null!;

    [SetUp]
    public void Connect() => _admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Broker.BootstrapServers }).Build();

    [TearDown]
    public void Disconnect() => _admin.Dispose();

    [Test]
    public async Task Settings_of_a_topic_are_kept_and_described()
    {
        await Broker.CreateTopicAsync("t", configs: new() { ["cleanup.policy"] = "compact", ["segment.bytes"] = "8388608" });
        Dictionary<string, ConfigEntryResult> described = await Describe("t");
        Assert.That((described["cleanup.policy"].Value, described["cleanup.policy"].IsDefault), Is.EqualTo(("compact", false)));
        Assert.That(described["segment.bytes"].Value, Is.EqualTo("8388608"));
        Assert.That((described["retention.ms"].Value, described["retention.ms"].IsDefault), Is.EqualTo(("604800000", true)));

        var topic = new ConfigResource { Type = ResourceType.Topic, Name = "t" };
        await _admin.AlterConfigsAsync(new() { [topic] = [new ConfigEntry { Name = "retention.ms", Value = "1000" }] });
        described = await Describe("t");
        Assert.That((described["retention.ms"].Value, described["cleanup.policy"].Value), Is.EqualTo(("1000", "delete")), "what is not named goes back to its default");
    }

    [TestCase("cleanup.policy", "sometimes")]
    [TestCase("retention.ms", "soon")]
    [TestCase("compression.type", "lz4")]
    [TestCase("no.such.setting", "1")]
    public void A_setting_that_cannot_be_kept_is_refused(string key, string value)
    {
        var refused = Assert.ThrowsAsync<CreateTopicsException>(() => Broker.CreateTopicAsync("t", configs: new() { [key] = value }));
        Assert.That(refused!.Results.Single().Error.Code, Is.EqualTo(ErrorCode.InvalidConfig));
        Assert.That(refused.Results.Single().Error.Reason, Does.Contain(key));
    }

    [TestCase("with space", 1, 1, ErrorCode.TopicException)]
    [TestCase("..", 1, 1, ErrorCode.TopicException)]
    [TestCase("t", 1, 3, ErrorCode.InvalidReplicationFactor)]
    public void A_topic_that_cannot_be_made_is_refused(string name, int partitions, short replicas, ErrorCode expected)
    {
        var specification = new TopicSpecification { Name = name, NumPartitions = partitions, ReplicationFactor = replicas };
        var refused = Assert.ThrowsAsync<CreateTopicsException>(() => _admin.CreateTopicsAsync([specification]));
        Assert.That(refused!.Results.Single().Error.Code, Is.EqualTo(expected));
    }

    [Test]
    public async Task Partitions_are_added_and_records_deleted()
    {
        await Broker.CreateTopicAsync("t");
        await _admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = "t", IncreaseTo = 3 }]);
        Assert.That(_admin.GetMetadata("t", Eventually.Patience).Topics.Single().Partitions, Has.Count.EqualTo(3));
        using IProducer<string, string> producer = Producer();
        for (int i = 0; i < 5; i++)
            await producer.ProduceAsync(new TopicPartition("t", 2), new Message<string, string> { Key = "k", Value = $"{i}" });
        await _admin.DeleteRecordsAsync([new TopicPartitionOffset("t", 2, 3)]);
        Assert.That(ReadAll("t", 3).Select(r => r.Message.Value), Is.EqualTo(new[] { "3", "4" }));
    }

    [Test]
    public async Task Groups_are_listed_and_deleted_when_nobody_is_left()
    {
        await Broker.CreateTopicAsync("t");
        using (IConsumer<string, string> consumer = Consumer("watched"))
        {
            consumer.Subscribe("t");
            while (consumer.Assignment.Count == 0)
                consumer.Consume(TimeSpan.FromMilliseconds(50));
            GroupInfo group = _admin.ListGroup("watched", Eventually.Patience);
            Assert.That((group.State, group.ProtocolType, group.Members.Count), Is.EqualTo(("Stable", "consumer", 1)));
            var refused = Assert.ThrowsAsync<DeleteGroupsException>(() => _admin.DeleteGroupsAsync(["watched"]));
            Assert.That(refused!.Results.Single().Error.Code, Is.EqualTo(ErrorCode.NonEmptyGroup));
            consumer.Commit([new TopicPartitionOffset("t", 0, 0)]);
            consumer.Close();
        }

        await _admin.DeleteGroupsAsync(["watched"]);
        Assert.That(_admin.ListGroups(Eventually.Patience), Is.Empty);
    }

    private async Task<Dictionary<string, ConfigEntryResult>> Describe(string topic) =>
        (await _admin.DescribeConfigsAsync([new ConfigResource { Type = ResourceType.Topic, Name = topic }])).Single().Entries;
}
