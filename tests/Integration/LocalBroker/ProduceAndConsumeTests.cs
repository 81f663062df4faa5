using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

public sealed class ProduceAndConsumeTests : BrokerFixture
{
    [TestCase(CompressionType.None)]
    [TestCase(CompressionType.Gzip)]
    [TestCase(CompressionType.Snappy)]
    [TestCase(CompressionType.Lz4)]
    [TestCase(CompressionType.Zstd)]
    public async Task What_is_produced_is_consumed_in_order(CompressionType compression)
    {
        await Broker.CreateTopicAsync("events", 3);
        using (IProducer<string, string> producer = Producer(c => (c.EnableIdempotence, c.CompressionType) = (true, compression)))
        {
            for (int i = 0; i < 3000; i++)
                producer.Produce(new TopicPartition("events", i % 3), new Message<string, string> { Key = $"k{i}", Value = $"value {i}" });
            producer.Flush(Eventually.Patience);
        }

        List<ConsumeResult<string, string>> read = ReadAll("events", 3);
        foreach (IGrouping<int, ConsumeResult<string, string>> partition in read.GroupBy(r => r.Partition.Value))
        {
            Assert.That(partition.Select(r => r.Message.Value), Is.EqualTo(Enumerable.Range(0, 1000).Select(i => $"value {(i * 3) + partition.Key}")));
            Assert.That(partition.Select(r => r.Offset.Value), Is.EqualTo(Enumerable.Range(0, 1000).Select(i => (long)i)));
        }

        Assert.That(read, Has.Count.EqualTo(3000));
    }

    [Test]
    public async Task A_fetch_waiting_at_the_end_is_woken_by_an_append()
    {
        await Broker.CreateTopicAsync("events");
        using IConsumer<string, string> consumer = Consumer(configure: c => (c.FetchWaitMaxMs, c.EnablePartitionEof) = (10_000, false));
        consumer.Assign(new TopicPartitionOffset("events", 0, 0));
        Assert.That(consumer.Consume(TimeSpan.FromMilliseconds(300)), Is.Null);
        using IProducer<string, string> producer = Producer();
        long start = Environment.TickCount64;
        await producer.ProduceAsync("events", new Message<string, string> { Key = "k", Value = "v" });
        Assert.That(consumer.Consume(Eventually.Patience).Message.Value, Is.EqualTo("v"));
        Assert.That(Environment.TickCount64 - start, Is.LessThan(3000), "the fetch ran to its end instead of being woken");
    }

    [TestCase(CompressionType.None)]
    [TestCase(CompressionType.Gzip)]
    [TestCase(CompressionType.Snappy)]
    [TestCase(CompressionType.Lz4)]
    [TestCase(CompressionType.Zstd)]
    public async Task Offsets_are_found_by_time_inside_batches_of_any_codec(CompressionType compression)
    {
        await Broker.CreateTopicAsync("events");
        using (IProducer<string, string> producer = Producer(c => (c.LingerMs, c.CompressionType) = (200, compression)))
        {
            for (int i = 0; i < 100; i++)
                producer.Produce("events", new Message<string, string> { Key = $"key {i}", Value = string.Concat(Enumerable.Repeat($"compressible {i % 7} ", 30)), Timestamp = new Timestamp(1_000_000 + (i * 10), TimestampType.CreateTime) });
            producer.Flush(Eventually.Patience);
        }

        using IConsumer<string, string> consumer = Consumer();
        long Find(long time) => consumer.OffsetsForTimes([new TopicPartitionTimestamp("events", 0, new Timestamp(time, TimestampType.CreateTime))], Eventually.Patience)[0].Offset.Value;
        Assert.That(Find(0), Is.Zero);
        Assert.That(Find(1_000_500), Is.EqualTo(50));
        Assert.That(Find(1_000_501), Is.EqualTo(51));
        Assert.That(Find(1_000_991), Is.EqualTo(Offset.End.Value));
    }

    [Test]
    public async Task An_unknown_topic_is_an_error_and_is_not_made()
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Broker.BootstrapServers }).Build();
        Metadata metadata = admin.GetMetadata("nobody-made-me", Eventually.Patience);
        Assert.That(metadata.Topics.Single().Error.Code, Is.EqualTo(ErrorCode.UnknownTopicOrPart));
        Assert.That(admin.GetMetadata(Eventually.Patience).Topics, Is.Empty);
        await Broker.CreateTopicAsync("made");
        var again = Assert.ThrowsAsync<CreateTopicsException>(() => Broker.CreateTopicAsync("made"));
        Assert.That(again!.Results.Single().Error.Code, Is.EqualTo(ErrorCode.TopicAlreadyExists));
    }

    [Test]
    public async Task A_deleted_topic_is_gone_and_its_name_starts_anew()
    {
        await Broker.CreateTopicAsync("events");
        using IProducer<string, string> producer = Producer();
        await producer.ProduceAsync("events", new Message<string, string> { Key = "k", Value = "old" });
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Broker.BootstrapServers }).Build();
        await admin.DeleteTopicsAsync(["events"]);
        Assert.That(admin.GetMetadata("events", Eventually.Patience).Topics.Single().Error.Code, Is.EqualTo(ErrorCode.UnknownTopicOrPart));
        await Broker.CreateTopicAsync("events");
        Assert.That(ReadAll("events", 1), Is.Empty);
    }

    [Test]
    public async Task A_record_above_the_limit_of_its_topic_is_refused()
    {
        await Broker.CreateTopicAsync("small", configs: new() { ["max.message.bytes"] = "2000" });
        using IProducer<string, string> producer = Producer();
        var refused = Assert.ThrowsAsync<ProduceException<string, string>>(
            () => producer.ProduceAsync("small", new Message<string, string> { Key = "k", Value = new string('x', 3000) }));
        Assert.That(refused!.Error.Code, Is.EqualTo(ErrorCode.MsgSizeTooLarge));
        DeliveryResult<string, string> taken = await producer.ProduceAsync("small", new Message<string, string> { Key = "k", Value = "fits" });
        Assert.That(taken.Offset.Value, Is.Zero);
    }
}
