using Confluent.Kafka;
using Google.Protobuf;
using Tally.Shared.Contracts;

namespace Tally.Tests.EndToEnd.Frames;

/// <summary>History as a faulty version would have left it: users in a window's set that never were, in the processor's own topic.</summary>
internal static class FrameTampering
{
    public const int TooMany = 5;

    /// <summary>To be done while no processor runs.</summary>
    /// <param name="bootstrap">Of the broker.</param>
    /// <param name="days">Starts of days that get more users than they had.</param>
    public static void Spoil(string bootstrap, long[] days)
    {
        var highest = new Dictionary<long, (int Partition, FrameChunk Chunk)>();
        using (var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = bootstrap, GroupId = "spoils", EnablePartitionEof = true }).Build())
        {
            using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
            var partitions = admin.GetMetadata("frames.changelog", TimeSpan.FromSeconds(10)).Topics[0].Partitions.Count;
            consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset("frames.changelog", p, Offset.Beginning)));
            for (var ends = 0; ends < partitions;)
            {
                var read = consumer.Consume(TimeSpan.FromSeconds(10));
                if (read.IsPartitionEOF) ends++;
                else if (read.Message.Key.AsSpan().StartsWith("day|"u8) && read.Message.Value is { } value) Take(read.Partition, FrameChunk.Parser.ParseFrom(value));
            }
        }
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = bootstrap, Acks = Acks.All }).Build();
        foreach (var (day, (partition, chunk)) in highest.Where(day => days.Contains(day.Key)))
        {
            chunk.Chunk++;
            chunk.Users = ByteString.CopyFrom([.. Enumerable.Range(1, 16 * TooMany).Select(n => (byte)n)]);
            producer.Produce(new TopicPartition("frames.changelog", partition), new Message<byte[], byte[]>
            {
                Key = RecordKeys.FrameChunk("day", day, chunk.Chunk),
                Value = chunk.ToByteArray(),
                Headers = new Headers { { RecordTypes.Header, RecordTypes.FrameChunk } },
            });
        }
        Assert.That(producer.Flush(TimeSpan.FromSeconds(10)), Is.Zero);

        void Take(int partition, FrameChunk chunk)
        {
            if (highest.TryGetValue(chunk.Start, out var found) && (found.Partition != partition || found.Chunk.Chunk > chunk.Chunk)) return;
            highest[chunk.Start] = (partition, chunk);
        }
    }
}
