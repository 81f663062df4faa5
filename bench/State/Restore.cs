using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Kafka;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.ProcessorService.State;
using Tally.ProcessorService.State.Files;
using Tally.ProcessorService.State.Runs;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.Bench.State;

/// <summary>Counts so many uniques on a broker, then starts the engine again: with its snapshot, and without any local file.</summary>
public static class Restore
{
    private static long _restored;

    /// <summary>Starts the engine on the changelog that is there, without any local file.</summary>
    public static int Run(string bootstrap)
    {
        NativeKafkaLibrary.Load();
        var folder = Directory.CreateTempSubdirectory("tally-restore-bench-");
        Listen();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"restore from the changelog: {Session(Kafka(bootstrap), folder.FullName, null):F2} s, {_restored} records"));
        folder.Delete(recursive: true);
        return 0;
    }

    public static int Run(string bootstrap, long uniques, int hours)
    {
        NativeKafkaLibrary.Load();
        var folder = Directory.CreateTempSubdirectory("tally-restore-bench-");
        var kafka = Kafka(bootstrap);
        Listen();
        TopicCreation.EnsureAsync(kafka, NullLogger.Instance, CancellationToken.None).GetAwaiter().GetResult();
        Produce(kafka, uniques, hours);
        Console.WriteLine($"restore: counted {uniques} uniques in {Session(kafka, folder.FullName, uniques):F1} s");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"restore of {uniques} uniques from snapshots: {Session(kafka, folder.FullName, null):F2} s, {_restored} records"));
        folder.Delete(recursive: true);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"restore of {uniques} uniques from the changelog: {Session(kafka, folder.FullName, null):F2} s, {_restored} records"));
        folder.Delete(recursive: true);
        return 0;
    }

    private static KafkaOptions Kafka(string bootstrap) => new() { BootstrapServers = bootstrap, Partitions = 8 };

    /// <summary>How many changelog records each session read: one that restored nothing would be quick too.</summary>
    private static void Listen()
    {
        var listener = new MeterListener();
        listener.EnableMeasurementEvents(EngineMetrics.RestoredRecords);
        listener.SetMeasurementEventCallback<long>((_, records, _, _) => _restored += records);
        listener.Start();
    }

    /// <returns>Seconds from the assignment to counting, or with <paramref name="until"/> until so many are counted.</returns>
    private static double Session(KafkaOptions kafka, string folder, long? until)
    {
        _restored = 0;
        using var stop = new CancellationTokenSource();
        var options = new ProcessorOptions { StaticMembership = false };
        var status = new EngineStatus(TimeProvider.System);
        var state = new StateOptions { Directory = folder };
        using var store = new StateStore(state, "bench", new LocalFiles(), new ThreadWorker(), TimeProvider.System, NullLogger.Instance);
        using var broker = new KafkaBroker(kafka, options, status, TimeProvider.System, NullLogger<KafkaBroker>.Instance);
        var job = new HourlyAnalyticsJob(kafka.Topics, new UserHasher(new byte[32]), 1, options.ChunkHashes, store);
        var seconds = 0d;
        var watch = new Thread(() =>
        {
            while (status.Now != EngineStatus.Phase.Restoring && !stop.Token.WaitHandle.WaitOne(1))
            {
            }
            var began = Stopwatch.GetTimestamp();
            while (status.Now == EngineStatus.Phase.Restoring && !stop.Token.WaitHandle.WaitOne(1))
            {
            }
            if (until is { } count) WaitForCount(kafka, count);
            seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            stop.Cancel();
        });
        watch.Start();
        new Session(broker, job, options, kafka.Partitions, status, TimeProvider.System, NullLogger.Instance).Run(stop.Token);
        watch.Join();
        return seconds;
    }

    private static void WaitForCount(KafkaOptions kafka, long count)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(kafka, "bench", "bench-reader")).Build();
        consumer.Assign(Enumerable.Range(0, kafka.Partitions).Select(p => new TopicPartitionOffset(kafka.Topics.Hours, p, 0)));
        var counted = new long[kafka.Partitions];
        while (counted.Sum() < count)
        {
            var record = consumer.Consume(TimeSpan.FromMilliseconds(100));
            if (record is { Message: not null } && RecordKeys.IsProgress(record.Message.Key))
                counted[record.Partition.Value] = Progress.Parser.ParseFrom(record.Message.Value).Outcomes.Counted;
        }
    }

    private static void Produce(KafkaOptions kafka, long uniques, int hours)
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(KafkaClientConfig.Producer(kafka, "bench")).Build();
        var made = new MadeEvents("uniform", uniques, hours);
        for (var n = 0L; n < uniques; n++)
        {
            made.Make(n);
            var message = new Message<byte[], byte[]> { Key = made.Key.ToArray(), Value = made.Value.ToArray() };
            Sending.Produce(producer, new TopicPartition(kafka.Topics.Events, Partition.Any), message);
        }
        producer.Flush(TimeSpan.FromMinutes(2));
    }
}
