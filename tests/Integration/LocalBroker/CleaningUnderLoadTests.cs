using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>Compaction, retention and deleted records while writers write and readers read: nobody stops, and nothing is missing but what was cleaned.</summary>
public sealed class CleaningUnderLoadTests : BrokerFixture
{
    private const int Keys = 40;
    private const int Rounds = 400;

    [Test]
    public async Task Writers_and_readers_go_on_while_logs_are_cleaned()
    {
        await Broker.CreateTopicAsync("state", configs: new()
        {
            ["cleanup.policy"] = "compact",
            ["segment.bytes"] = "20000",
            ["min.cleanable.dirty.ratio"] = "0.01",
            ["delete.retention.ms"] = "0",
        });
        await Broker.CreateTopicAsync("events", configs: new() { ["segment.bytes"] = "20000", ["retention.bytes"] = "100000" });
        using var written = new CancellationTokenSource();
        Task<int> cleaning = CleanAsync(written.Token);
        Task<List<ConsumeResult<string, string>>> states = Task.Run(() => Follow("state", $"round {Rounds - 1}", Keys));
        Task<List<ConsumeResult<string, string>>> events = Task.Run(() => Follow("events", $"round {Rounds - 1}", Keys));
        int refused = await Task.Run(Write);
        List<ConsumeResult<string, string>> state = await states, log = await events;
        await written.CancelAsync();
        int rounds = await cleaning;
        TestContext.Out.WriteLine($"{rounds} rounds of cleaning; {state.Count} and {log.Count} of {Keys * Rounds} records read on the way");
        Assert.That(refused, Is.Zero, "a write was refused");
        Assert.That(rounds, Is.GreaterThan(3));
        AssertNewestOfEachKey(state);

        await Broker.Server.MaintainAsync();
        List<ConsumeResult<string, string>> left = ReadAll("state", 1);
        AssertNewestOfEachKey(left);
        Assert.That(left.Count, Is.LessThan(Keys * Rounds / 4), "compaction has worked meanwhile");
        AssertOnlyTheStartIsGone(log);
    }

    private static void AssertNewestOfEachKey(List<ConsumeResult<string, string>> read)
    {
        Assert.That(read.Select(r => r.Offset.Value), Is.Ordered.And.Unique);
        Dictionary<string, string> newest = read.GroupBy(r => r.Message.Key).ToDictionary(g => g.Key, g => g.Last().Message.Value);
        Assert.That(newest, Is.EquivalentTo(Enumerable.Range(0, Keys).ToDictionary(k => $"key {k}", _ => $"round {Rounds - 1}")));
    }

    private void AssertOnlyTheStartIsGone(List<ConsumeResult<string, string>> log)
    {
        using IConsumer<string, string> consumer = Consumer();
        WatermarkOffsets ends = consumer.QueryWatermarkOffsets(new TopicPartition("events", 0), Eventually.Patience);
        Assert.That(ends.High.Value, Is.EqualTo((long)Keys * Rounds));
        Assert.That(ends.Low.Value, Is.GreaterThan(0), "retention and deletions have moved the start meanwhile");
        long next = 0;
        foreach (ConsumeResult<string, string> record in log)
        {
            Assert.That(record.Offset.Value == next || (record.Offset.Value > next && record.Offset.Value <= ends.Low.Value), $"{next} to {record.Offset} are missing");
            Assert.That((record.Message.Key, record.Message.Value), Is.EqualTo(($"key {record.Offset % Keys}", $"round {record.Offset / Keys}")));
            next = record.Offset + 1;
        }

        Assert.That(ReadAll("events", 1).Select(r => r.Offset.Value), Is.EqualTo(Enumerable.Range(0, (int)(ends.High.Value - ends.Low.Value)).Select(i => ends.Low.Value + i)));
    }

    private int Write()
    {
        int refused = 0;
        using IProducer<string, string> producer = Producer(c => (c.EnableIdempotence, c.LingerMs) = (true, 1));
        for (int round = 0; round < Rounds; round++)
        {
            foreach (string topic in new[] { "state", "events" })
            {
                for (int key = 0; key < Keys; key++)
                    producer.Produce(topic, new Message<string, string> { Key = $"key {key}", Value = $"round {round}" }, r => refused += r.Error.IsError ? 1 : 0);
            }

            producer.Flush(Eventually.Patience);
        }

        return refused;
    }

    private async Task<int> CleanAsync(CancellationToken stop)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Broker.BootstrapServers }).Build();
        using IConsumer<string, string> ends = Consumer("ends");
        var partition = new TopicPartition("events", 0);
        int rounds = 0;
        for (; !stop.IsCancellationRequested; rounds++)
        {
            await Broker.Server.MaintainAsync();
            long behind = ends.QueryWatermarkOffsets(partition, Eventually.Patience).High.Value - 3000;
            if (behind > 0)
                await admin.DeleteRecordsAsync([new TopicPartitionOffset(partition, behind)]);
            await Task.Delay(20, CancellationToken.None);
        }

        return rounds;
    }

    /// <summary>Reads from the beginning until the last value was seen so many times.</summary>
    private List<ConsumeResult<string, string>> Follow(string topic, string last, int times)
    {
        using IConsumer<string, string> consumer = Consumer("followers", c => c.EnablePartitionEof = false);
        consumer.Assign(new TopicPartitionOffset(topic, 0, Offset.Beginning));
        var read = new List<ConsumeResult<string, string>>();
        long start = Environment.TickCount64;
        for (int seen = 0; seen < times;)
        {
            Assert.That(Environment.TickCount64 - start, Is.LessThan(60_000), $"{topic}: {read.Count} records, then nothing more");
            if (consumer.Consume(TimeSpan.FromMilliseconds(100)) is not { } record)
                continue;
            read.Add(record);
            seen += record.Message.Value == last ? 1 : 0;
        }

        return read;
    }
}
