using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Shared.Kafka;

namespace Tally.Bench.Processing;

/// <summary>
/// The least that reading a topic to its end takes in .NET: record by record through Confluent's client as the engine uses it (no headers, no time, one
/// buffer for all values), or in batches through librdkafka itself, touching nothing but offsets.
/// </summary>
public static partial class Reading
{
    private const int BatchMessages = 10_000;

    public static int Run(string bootstrap, string topic, bool batches)
    {
        var kafka = new KafkaOptions { BootstrapServers = bootstrap };
        var config = KafkaClientConfig.Consumer(kafka, "bench", "bench-plain");
        config.ConsumeResultFields = "none";
        config.QueuedMinMessages = 100_000;
        config.QueuedMaxMessagesKbytes = 65_536;
        config.FetchWaitMaxMs = 50;
        using var consumer = new ConsumerBuilder<Scratch, Scratch>(config).SetKeyDeserializer(new ScratchDeserializer()).SetValueDeserializer(new ScratchDeserializer()).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = admin.GetMetadata(topic, TimeSpan.FromSeconds(20)).Topics[0].Partitions.Count;
        var all = Enumerable.Range(0, partitions).Sum(p => consumer.QueryWatermarkOffsets(new TopicPartition(topic, p), TimeSpan.FromSeconds(20)) is var ends ? ends.High.Value - ends.Low.Value : 0);
        consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var (began, read) = batches ? ReadBatches(consumer, all) : ReadOne(consumer, topic, all);
        Line.Print($"peer=plain-{(batches ? "batch" : "one")}", read, Stopwatch.GetElapsedTime(began).TotalSeconds);
        return 0;
    }

    private static (long Began, long Read) ReadOne(IConsumer<Scratch, Scratch> consumer, string topic, long all)
    {
        var nudge = FetchNudge.Needed ? new FetchNudge(topic) : null;
        var (began, read) = (0L, 0L);
        while (read < all)
        {
            if (consumer.Consume(TimeSpan.Zero) is not { } result)
            {
                if (nudge?.WhenDry(consumer) != true) consumer.Consume(TimeSpan.FromMilliseconds(1));
                continue;
            }
            if (result.IsPartitionEOF) continue;
            if (read++ == 0) began = Stopwatch.GetTimestamp();
            nudge?.ReadUpTo(result.Partition, result.Offset + 1);
        }
        return (began, read);
    }

    private static (long Began, long Read) ReadBatches(IConsumer<Scratch, Scratch> consumer, long all)
    {
        var safe = typeof(Handle).GetProperty("LibrdkafkaHandle", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(consumer.Handle)!;
        var handle = ((SafeHandle)safe).DangerousGetHandle();
        var queue = ConsumerQueue(handle);
        var messages = new nint[BatchMessages];
        var (began, read) = (0L, 0L);
        while (read < all)
        {
            var count = ConsumeBatch(queue, 10, messages, BatchMessages);
            for (var i = 0; i < count; i++)
            {
                // The first field of a message is its error.
                if (Marshal.ReadInt32(messages[i]) == 0 && read++ == 0) began = Stopwatch.GetTimestamp();
                Destroy(messages[i]);
            }
        }
        DestroyQueue(queue);
        return (began, read);
    }

    [LibraryImport("librdkafka.so.1", EntryPoint = "rd_kafka_queue_get_consumer")]
    private static partial nint ConsumerQueue(nint client);

    [LibraryImport("librdkafka.so.1", EntryPoint = "rd_kafka_consume_batch_queue")]
    private static partial nint ConsumeBatch(nint queue, int timeoutMs, nint[] messages, nint count);

    [LibraryImport("librdkafka.so.1", EntryPoint = "rd_kafka_message_destroy")]
    private static partial void Destroy(nint message);

    [LibraryImport("librdkafka.so.1", EntryPoint = "rd_kafka_queue_destroy")]
    private static partial void DestroyQueue(nint queue);
}
