using Confluent.Kafka;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

public sealed class CompactionTests : BrokerFixture
{
    [TestCase(CompressionType.None)]
    [TestCase(CompressionType.Lz4)]
    [TestCase(CompressionType.Zstd)]
    public async Task A_compacted_topic_written_in_transactions_keeps_the_newest_of_each_key(CompressionType compression)
    {
        await Broker.CreateTopicAsync("state", configs: new()
        {
            ["cleanup.policy"] = "compact",
            ["segment.bytes"] = "20000",
            ["min.cleanable.dirty.ratio"] = "0.01",
            ["delete.retention.ms"] = "0",
        });
        var expected = new Dictionary<string, string>();
        using (IProducer<string, string> producer = Producer(c => (c.TransactionalId, c.CompressionType, c.LingerMs) = ("writer", compression, 20)))
        {
            producer.InitTransactions(Eventually.Patience);
            for (int round = 0; round < 60; round++)
            {
                producer.BeginTransaction();
                for (int i = 0; i < 40; i++)
                {
                    // Some keys are written once and never again: they must survive every pass.
                    string key = i == 0 ? $"once {round}" : $"key {(round + i) % 50}", value = $"round {round} of a text that packs well, well, well";
                    producer.Produce("state", new Message<string, string> { Key = key, Value = value });
                    if (round % 5 != 4)
                        expected[key] = value;
                }

                producer.Flush(Eventually.Patience);
                if (round % 5 == 4)
                    producer.AbortTransaction(Eventually.Patience);
                else
                    producer.CommitTransaction(Eventually.Patience);
                if (round % 20 == 19)
                    await Broker.Server.MaintainAsync();
            }
        }

        // A first pass gives old markers their horizon, new data makes the next one worth while.
        await Broker.Server.MaintainAsync();
        List<ConsumeResult<string, string>> read = ReadAll("state", 1);
        Assert.That(read.GroupBy(r => r.Message.Key).ToDictionary(g => g.Key, g => g.Last().Message.Value), Is.EquivalentTo(expected));
        Assert.That(read, Has.Count.LessThan(1400), "of 1920 committed records the superseded ones are gone, but for the active segment");
        Assert.That(read.Select(r => r.Offset.Value), Is.Ordered.And.Unique);
    }
}
