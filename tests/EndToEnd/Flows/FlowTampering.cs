using Confluent.Kafka;
using Google.Protobuf;
using Tally.Shared.Contracts;

namespace Tally.Tests.EndToEnd.Flows;

/// <summary>History as a faulty version would have left it: sums with too many bytes sent, in the processor's own topic.</summary>
internal static class FlowTampering
{
    public const long TooMuch = 1_000_000_000;

    /// <summary>To be done while no processor runs.</summary>
    /// <param name="bootstrap">Of the broker.</param>
    /// <param name="hours">Whose sums are made wrong.</param>
    /// <returns>How often a flow's sum was made wrong: once a partition that it has been in.</returns>
    public static IReadOnlyDictionary<(long Hour, string SrcApp), long> Spoil(string bootstrap, long[] hours)
    {
        var last = new Dictionary<(int Partition, string Key), (byte[] Key, FlowSum Sum)>();
        using (var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = bootstrap, GroupId = "spoils", EnablePartitionEof = true }).Build())
        {
            using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
            var partitions = admin.GetMetadata("flows.sums", TimeSpan.FromSeconds(10)).Topics[0].Partitions.Count;
            consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset("flows.sums", p, Offset.Beginning)));
            for (var ends = 0; ends < partitions;)
            {
                var read = consumer.Consume(TimeSpan.FromSeconds(10));
                if (read.IsPartitionEOF) ends++;
                else if (FlowSumKey.TryRead(read.Message.Key, out _, out _, out _, out _))
                    last[(read.Partition, Convert.ToHexString(read.Message.Key))] = (read.Message.Key, FlowSum.Parser.ParseFrom(read.Message.Value));
            }
        }
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = bootstrap, Acks = Acks.All }).Build();
        var spoilt = new Dictionary<(long, string), long>();
        foreach (var ((partition, _), (key, sum)) in last)
        {
            FlowSumKey.TryRead(key, out var hour, out var src, out _, out _);
            if (!hours.Contains(hour)) continue;
            sum.BytesTx += TooMuch;
            producer.Produce(new TopicPartition("flows.sums", partition), new Message<byte[], byte[]>
            {
                Key = key,
                Value = sum.ToByteArray(),
                Headers = new Headers { { RecordTypes.Header, RecordTypes.FlowSum } },
            });
            var flow = (hour, System.Text.Encoding.UTF8.GetString(key.AsSpan()[src]));
            spoilt[flow] = spoilt.GetValueOrDefault(flow) + 1;
        }
        Assert.That(producer.Flush(TimeSpan.FromSeconds(10)), Is.Zero);
        return spoilt;
    }

    /// <summary>Retention takes away what a partition holds so far.</summary>
    public static async Task RemoveAsync(string bootstrap, string topic, int partition)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        var all = new TopicPartitionOffset(topic, partition, Offset.End);
        await admin.DeleteRecordsAsync([all]);
    }
}
