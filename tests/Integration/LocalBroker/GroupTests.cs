using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

public sealed class GroupTests : BrokerFixture
{
    [TestCase(PartitionAssignmentStrategy.Range)]
    [TestCase(PartitionAssignmentStrategy.CooperativeSticky)]
    public async Task Members_share_the_partitions_and_take_over_from_one_that_leaves(PartitionAssignmentStrategy strategy)
    {
        await Broker.CreateTopicAsync("events", 4);
        using IConsumer<string, string> first = Consumer("sharers", c => c.PartitionAssignmentStrategy = strategy);
        first.Subscribe("events");
        PollUntil(() => first.Assignment.Count == 4, first);
        using (IConsumer<string, string> second = Consumer("sharers", c => c.PartitionAssignmentStrategy = strategy))
        {
            second.Subscribe("events");
            PollUntil(() => first.Assignment.Count == 2 && second.Assignment.Count == 2, first, second);
            Assert.That(first.Assignment.Intersect(second.Assignment), Is.Empty);
            second.Close();
        }

        PollUntil(() => first.Assignment.Count == 4, first);
    }

    [Test]
    public async Task A_group_goes_on_from_its_committed_offsets()
    {
        await Broker.CreateTopicAsync("events");
        using IProducer<string, string> producer = Producer();
        for (int i = 0; i < 10; i++)
            await producer.ProduceAsync("events", new Message<string, string> { Key = "k", Value = $"{i}" });
        using (IConsumer<string, string> consumer = Consumer("resumers"))
        {
            consumer.Subscribe("events");
            for (int i = 0; i < 4; i++)
                consumer.Commit(ConsumeRecord(consumer));
            consumer.Close();
        }

        using IConsumer<string, string> next = Consumer("resumers");
        next.Subscribe("events");
        Assert.That(ConsumeRecord(next).Message.Value, Is.EqualTo("4"));
    }

    [Test]
    public async Task A_static_member_that_comes_back_keeps_its_partitions_without_a_rebalance()
    {
        await Broker.CreateTopicAsync("events", 2);
        int rebalances = 0;
        using IConsumer<string, string> other = CountingConsumer("statics", "a", () => rebalances++);
        other.Subscribe("events");
        IConsumer<string, string> restarted = CountingConsumer("statics", "b", () => { });
        restarted.Subscribe("events");
        PollUntil(() => other.Assignment.Count == 1 && restarted.Assignment.Count == 1, other, restarted);
        int before = rebalances;
        TopicPartition kept = restarted.Assignment.Single();
        restarted.Dispose();
        using IConsumer<string, string> again = CountingConsumer("statics", "b", () => { });
        again.Subscribe("events");
        PollUntil(() => again.Assignment.Count == 1, other, again);
        Assert.That(again.Assignment.Single(), Is.EqualTo(kept));
        Assert.That(rebalances, Is.EqualTo(before));
    }

    private static ConsumeResult<string, string> ConsumeRecord(IConsumer<string, string> consumer)
    {
        long start = Environment.TickCount64;
        while (Environment.TickCount64 - start < Eventually.Patience.TotalMilliseconds)
        {
            if (consumer.Consume(TimeSpan.FromMilliseconds(100)) is { IsPartitionEOF: false } result)
                return result;
        }

        throw new AssertionException("no record came");
    }

    private static void PollUntil(Func<bool> done, params IConsumer<string, string>[] consumers)
    {
        long start = Environment.TickCount64;
        while (!done())
        {
            Assert.That(Environment.TickCount64 - start, Is.LessThan(Eventually.Patience.TotalMilliseconds),
                "assignments: " + string.Join(" | ", consumers.Select(c => string.Join(",", c.Assignment))));
            foreach (IConsumer<string, string> consumer in consumers)
                consumer.Consume(TimeSpan.FromMilliseconds(20));
        }
    }

    private IConsumer<string, string> CountingConsumer(string group, string instance, Action rebalanced)
    {
        var config = new ConsumerConfig
        {
            BootstrapServers = Broker.BootstrapServers,
            GroupId = group,
            GroupInstanceId = instance,
            SessionTimeoutMs = 6000,
            HeartbeatIntervalMs = 200,
            EnableAutoCommit = false,
            AutoOffsetReset = AutoOffsetReset.Earliest,
        };
        return new ConsumerBuilder<string, string>(config).SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { })
            .SetPartitionsAssignedHandler((_, _) => rebalanced()).Build();
    }
}
