using System.Diagnostics;
using Confluent.Kafka;
using Tally.ProcessorService.Engine.Kafka.Fetching;
using Tally.Shared.Kafka;

namespace Tally.Bench.Processing;

/// <summary>
/// The least that reading a topic to its end takes in .NET: record by record through Confluent's client (no headers, no time, one buffer for
/// all values), or in batches through librdkafka itself as the engine does, touching nothing but offsets.
/// </summary>
public static class Reading
{
    private const int FetchBelow = 100_000;

    public static int Run(string bootstrap, string topic, bool batches)
    {
        var kafka = new KafkaOptions { BootstrapServers = bootstrap };
        var config = KafkaClientConfig.Consumer(kafka, "bench", "bench-plain");
        config.ConsumeResultFields = "none";
        config.QueuedMinMessages = FetchBelow;
        config.QueuedMaxMessagesKbytes = 65_536;
        config.FetchWaitMaxMs = 50;
        // Else a full queue rests for a second, and the plain consumer is no measure; without any rest reading one by one takes twice as long as with a millisecond, and with 20 a tenth longer.
        if (!FetchNudge.Needed) config.Set("fetch.queue.backoff.ms", "1");
        using var consumer = new ConsumerBuilder<Scratch, Scratch>(config).SetKeyDeserializer(new ScratchDeserializer()).SetValueDeserializer(new ScratchDeserializer()).Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var partitions = Enumerable.Range(0, admin.GetMetadata(topic, TimeSpan.FromSeconds(20)).Topics[0].Partitions.Count).ToArray();
        var all = partitions.Sum(p => consumer.QueryWatermarkOffsets(new TopicPartition(topic, p), TimeSpan.FromSeconds(20)) is var ends ? ends.High.Value - ends.Low.Value : 0);
        var nudge = FetchNudge.Needed ? new FetchNudge(consumer, topic, FetchBelow) : null;
        using var records = batches ? new FetchedRecords(consumer) : null;
        records?.Follow(topic, partitions);
        consumer.Assign(partitions.Select(p => new TopicPartitionOffset(topic, p, Offset.Beginning)));
        var (began, read) = records is null ? ReadOne(consumer, nudge, all) : ReadBatches(records, nudge, all);
        Line.Print($"peer=plain-{(batches ? "batch" : "one")}", read, Stopwatch.GetElapsedTime(began).TotalSeconds);
        return 0;
    }

    private static (long Began, long Read) ReadOne(IConsumer<Scratch, Scratch> consumer, FetchNudge? nudge, long all)
    {
        var (began, read) = (0L, 0L);
        while (read < all)
        {
            // How many are waiting cannot be asked of the group's queue: when it has run dry.
            if (consumer.Consume(TimeSpan.Zero) is not { } result)
            {
                nudge?.Look(0);
                result = consumer.Consume(TimeSpan.FromMilliseconds(1));
            }
            if (result is null or { IsPartitionEOF: true }) continue;
            if (read++ == 0) began = Stopwatch.GetTimestamp();
            nudge?.ReadUpTo(result.Partition, result.Offset + 1);
        }
        return (began, read);
    }

    private static unsafe (long Began, long Read) ReadBatches(FetchedRecords records, FetchNudge? nudge, long all)
    {
        var (began, read) = (0L, 0L);
        while (read < all)
        {
            nudge?.Look(records.Waiting);
            if (!records.TryFill(TimeSpan.FromMilliseconds(1))) continue;
            for (var message = records.Next(); message is not null; message = records.Next())
            {
                if (message->Error != 0) continue;
                if (read++ == 0) began = Stopwatch.GetTimestamp();
                nudge?.ReadUpTo(message->Partition, message->Offset + 1);
            }
        }
        return (began, read);
    }
}
