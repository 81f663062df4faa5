using Tally.Shared.Kafka;

namespace Tally.Tests.Unit.Contracts;

public sealed class TopicSpecificationTests
{
    [TestCase(1, null)]
    [TestCase(2, null)]
    [TestCase(3, "2")]
    public void With_three_copies_an_acknowledged_record_is_on_two(short copies, string? inSync)
    {
        foreach (var topic in TopicCreation.Specifications(new KafkaOptions { ReplicationFactor = copies }))
            Assert.That(topic.Configs.GetValueOrDefault("min.insync.replicas"), Is.EqualTo(inSync), topic.Name);
    }
}
