using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

public sealed class TransactionTests : BrokerFixture
{
    [Test]
    public async Task Committed_records_are_read_and_aborted_ones_are_not()
    {
        await Broker.CreateTopicAsync("out", 2);
        using IProducer<string, string> producer = TransactionalProducer("t1");
        for (int i = 0; i < 20; i++)
        {
            producer.BeginTransaction();
            foreach (int partition in new[] { 0, 1 })
                producer.Produce(new TopicPartition("out", partition), new Message<string, string> { Key = "k", Value = $"{i}" });
            producer.Flush(Eventually.Patience);
            if (i % 3 == 0)
                producer.AbortTransaction(Eventually.Patience);
            else
                producer.CommitTransaction(Eventually.Patience);
        }

        IEnumerable<string> expected = Enumerable.Range(0, 20).Where(i => i % 3 != 0).Select(i => $"{i}");
        foreach (IGrouping<int, ConsumeResult<string, string>> partition in ReadAll("out", 2).GroupBy(r => r.Partition.Value))
            Assert.That(partition.Select(r => r.Message.Value), Is.EqualTo(expected));
        Assert.That(ReadAll("out", 2, IsolationLevel.ReadUncommitted), Has.Count.EqualTo(40), "read_uncommitted sees aborted records too");
    }

    [Test]
    public async Task An_open_transaction_holds_committed_readers_back_and_its_end_wakes_them()
    {
        await Broker.CreateTopicAsync("out");
        using IProducer<string, string> producer = TransactionalProducer("t1");
        producer.BeginTransaction();
        await producer.ProduceAsync("out", new Message<string, string> { Key = "k", Value = "v" });
        using IConsumer<string, string> consumer = Consumer(configure: c => (c.FetchWaitMaxMs, c.EnablePartitionEof) = (10_000, false));
        consumer.Assign(new TopicPartitionOffset("out", 0, 0));
        Assert.That(consumer.Consume(TimeSpan.FromMilliseconds(500)), Is.Null);
        using (IConsumer<string, string> other = Consumer("others"))
            Assert.That(other.QueryWatermarkOffsets(new TopicPartition("out", 0), Eventually.Patience).High.Value, Is.Zero, "the end that a committed reader may see");
        long start = Environment.TickCount64;
        producer.CommitTransaction(Eventually.Patience);
        Assert.That(consumer.Consume(Eventually.Patience).Message.Value, Is.EqualTo("v"));
        Assert.That(Environment.TickCount64 - start, Is.LessThan(3000));
    }

    [Test]
    public async Task Offsets_sent_with_a_transaction_count_only_when_it_commits()
    {
        await Broker.CreateTopicAsync("in");
        await Broker.CreateTopicAsync("out");
        using IConsumer<string, string> consumer = Consumer("etl");
        consumer.Subscribe("in");
        while (consumer.Assignment.Count == 0)
            consumer.Consume(TimeSpan.FromMilliseconds(50));
        using IProducer<string, string> producer = TransactionalProducer("t1");
        var partition = new TopicPartition("in", 0);
        foreach ((bool commit, long offset, long expected) in new[] { (true, 5L, 5L), (false, 9L, 5L), (true, 12L, 12L) })
        {
            producer.BeginTransaction();
            producer.Produce("out", new Message<string, string> { Key = "k", Value = "v" });
            producer.SendOffsetsToTransaction([new TopicPartitionOffset(partition, offset)], consumer.ConsumerGroupMetadata, Eventually.Patience);
            if (commit)
                producer.CommitTransaction(Eventually.Patience);
            else
                producer.AbortTransaction(Eventually.Patience);
            Assert.That(consumer.Committed([partition], Eventually.Patience).Single().Offset.Value, Is.EqualTo(expected));
        }
    }

    [Test]
    public async Task A_committed_offset_is_not_told_while_a_transaction_is_about_to_change_it()
    {
        await Broker.CreateTopicAsync("in");
        using IConsumer<string, string> consumer = Consumer("etl");
        consumer.Subscribe("in");
        while (consumer.Assignment.Count == 0)
            consumer.Consume(TimeSpan.FromMilliseconds(50));
        using IProducer<string, string> producer = TransactionalProducer("t1");
        var partition = new TopicPartition("in", 0);
        producer.BeginTransaction();
        producer.SendOffsetsToTransaction([new TopicPartitionOffset(partition, 7)], consumer.ConsumerGroupMetadata, Eventually.Patience);
        // librdkafka asks with requireStable and retries on UNSTABLE_OFFSET_COMMIT until its time is over.
        Assert.That(() => consumer.Committed([partition], TimeSpan.FromMilliseconds(700)), Throws.InstanceOf<KafkaException>());
        producer.CommitTransaction(Eventually.Patience);
        Assert.That(consumer.Committed([partition], Eventually.Patience).Single().Offset.Value, Is.EqualTo(7));
    }

    [Test]
    public async Task A_second_producer_with_the_same_id_fences_the_first_and_aborts_its_transaction()
    {
        await Broker.CreateTopicAsync("out");
        using IProducer<string, string> first = TransactionalProducer("t1");
        first.BeginTransaction();
        await first.ProduceAsync("out", new Message<string, string> { Key = "k", Value = "zombie" });
        using IProducer<string, string> second = TransactionalProducer("t1");
        second.BeginTransaction();
        await second.ProduceAsync("out", new Message<string, string> { Key = "k", Value = "heir" });
        second.CommitTransaction(Eventually.Patience);
        var fenced = Assert.Throws<KafkaException>(() => first.CommitTransaction(Eventually.Patience));
        Assert.That(fenced!.Error.Code, Is.EqualTo(ErrorCode.Local_Fenced).Or.EqualTo(ErrorCode.ProducerFenced).Or.EqualTo(ErrorCode.InvalidProducerEpoch));
        Assert.That(ReadAll("out", 1).Select(r => r.Message.Value), Is.EqualTo(new[] { "heir" }));
    }

    [Test]
    public async Task A_transaction_that_is_left_open_is_aborted_when_its_time_is_over()
    {
        await Broker.CreateTopicAsync("out");
        using IProducer<string, string> producer = TransactionalProducer("t1", timeoutMs: 2500);
        producer.BeginTransaction();
        await producer.ProduceAsync("out", new Message<string, string> { Key = "k", Value = "late" });
        using IConsumer<string, string> consumer = Consumer();
        var partition = new TopicPartition("out", 0);
        long start = Environment.TickCount64;
        while (consumer.QueryWatermarkOffsets(partition, Eventually.Patience).High.Value < 2)
        {
            Assert.That(Environment.TickCount64 - start, Is.LessThan(10_000), "the transaction was not aborted");
            await Task.Delay(50);
        }

        Assert.That(ReadAll("out", 1), Is.Empty);
        Assert.That(() => producer.CommitTransaction(Eventually.Patience), Throws.InstanceOf<KafkaException>());
    }
}
