using System.Text;
using Confluent.Kafka;
using Tally.Shared.Kafka;

namespace Tally.Bench.Frames;

/// <summary>Copies a topic of frames, each made larger by one member more: an object of small members with decoys in it, behind the others.</summary>
public static class Growing
{
    public static int Run(string bootstrap, string from, string to, int bytes)
    {
        var kafka = new KafkaOptions { BootstrapServers = bootstrap };
        using var consumer = Open(kafka, from, out var partitions, out var all);
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        admin.CreateTopicsAsync([new() { Name = to, NumPartitions = partitions, ReplicationFactor = 1 }]).GetAwaiter().GetResult();
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig(KafkaClientConfig.Producer(kafka, "bench")) { LingerMs = 20 }).Build();
        for (long read = 0; read < all;)
        {
            if (consumer.Consume(TimeSpan.FromMilliseconds(200)) is not { IsPartitionEOF: false } record) continue;
            read++;
            var message = new Message<byte[], byte[]> { Key = record.Message.Key, Value = Grown(record.Message.Value, bytes) };
            while (true)
            {
                try
                {
                    producer.Produce(new TopicPartition(to, record.Partition), message);
                    break;
                }
                catch (ProduceException<byte[], byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
                {
                    producer.Poll(TimeSpan.FromMilliseconds(10));
                }
            }
        }
        producer.Flush(TimeSpan.FromMinutes(1));
        return 0;
    }

    /// <summary>Of all values in a topic, guessed from its first thousand.</summary>
    public static long Bytes(string bootstrap, string topic)
    {
        using var consumer = Open(new KafkaOptions { BootstrapServers = bootstrap }, topic, out _, out var all);
        var (read, bytes) = (0L, 0L);
        while (read < Math.Min(all, 1000))
            if (consumer.Consume(TimeSpan.FromMilliseconds(200)) is { IsPartitionEOF: false } record) (read, bytes) = (read + 1, bytes + record.Message.Value.Length);
        return bytes * all / read;
    }

    private static IConsumer<byte[], byte[]> Open(KafkaOptions kafka, string topic, out int partitions, out long all)
    {
        var consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(kafka, "bench", "bench-grow")).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var count = partitions = admin.GetMetadata(topic, TimeSpan.FromSeconds(20)).Topics[0].Partitions.Count;
        all = Enumerable.Range(0, count).Sum(p => consumer.QueryWatermarkOffsets(new TopicPartition(topic, p), TimeSpan.FromSeconds(20)).High.Value);
        consumer.Assign(Enumerable.Range(0, count).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        return consumer;
    }

    private static byte[] Grown(byte[] frame, int bytes)
    {
        var text = new StringBuilder(",\"grown\":{\"ts\":1,\"uid\":\"no\"");
        for (var n = 0; frame.Length + text.Length + 2 < bytes; n++) text.Append(System.Globalization.CultureInfo.InvariantCulture, $",\"member-{n}\":[{n},\"a text \\u0441 of {n}\",{{\"uid\":null}}]");
        text.Append("}}");
        return [.. frame.AsSpan(0, frame.AsSpan().LastIndexOf((byte)'}')), .. Encoding.UTF8.GetBytes(text.ToString())];
    }
}
