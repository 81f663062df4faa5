using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using System.Text.Json;
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

namespace Tally.Bench.Processing;

/// <summary>
/// The engine with its job in this process, exactly once, from the first record read until a read_committed reader beside it has seen totals that
/// add up to every event. Hour by hour the result must be that of the generator's file.
/// </summary>
public static class Counting
{
    /// <param name="bootstrap">The broker.</param>
    /// <param name="topic">The backlog.</param>
    /// <param name="expectedFile">The generator's.</param>
    /// <param name="megabytes">State:MemoryBudget.</param>
    public static int Run(string bootstrap, string topic, string expectedFile, int megabytes)
    {
        var expected = Expected(expectedFile);
        var all = expected.Values.Sum(hour => hour.Clicks + hour.Impressions);
        var run = $"{topic}.bench-{Environment.ProcessId}";
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        var partitions = admin.GetMetadata(topic, TimeSpan.FromSeconds(20)).Topics[0].Partitions.Count;
        var kafka = new KafkaOptions
        {
            BootstrapServers = bootstrap,
            Partitions = partitions,
            Topics = new TopicNames { Events = topic, Hours = $"{run}.hours", Changelog = $"{run}.changelog", DeadLetter = $"{run}.dead-letter" },
        };
        TopicCreation.EnsureAsync(kafka, NullLogger.Instance, CancellationToken.None).GetAwaiter().GetResult();
        var folder = Directory.CreateTempSubdirectory("tally-processing-bench-");
        using var stop = new CancellationTokenSource();
        var (seconds, found) = (0d, new Dictionary<long, (long, long, long)>());
        var (commits, committing) = (0, 0d);
        using var meter = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "tally.processor.commit.duration") listener.EnableMeasurementEvents(instrument);
            },
        };
        meter.SetMeasurementEventCallback<double>((_, took, _, _) => (commits, committing) = (commits + 1, committing + took));
        meter.Start();
        try
        {
            var options = new ProcessorOptions { StaticMembership = false, Group = run, TransactionalIdPrefix = run };
            var status = new EngineStatus(TimeProvider.System);
            using var store = new StateStore(new StateOptions { Directory = folder.FullName, MemoryBudget = (long)megabytes << 20 }, "bench", new LocalFiles(), new ThreadWorker(), TimeProvider.System, NullLogger.Instance);
            using var broker = new KafkaBroker(kafka, options, status, TimeProvider.System, NullLogger<KafkaBroker>.Instance);
            var job = new HourlyAnalyticsJob(kafka.Topics, new UserHasher(new byte[32]), 1, options.ChunkHashes, store);
            var reader = new Thread(() =>
            {
                while (status.Now != EngineStatus.Phase.Running && !stop.Token.WaitHandle.WaitOne(1))
                {
                }
                var began = Stopwatch.GetTimestamp();
                found = ReadUntil(kafka, all);
                seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
                stop.Cancel();
            });
            reader.Start();
            new Session(broker, job, options, partitions, status, TimeProvider.System, NullLogger.Instance).Run(stop.Token);
            reader.Join();
        }
        finally
        {
            folder.Delete(recursive: true);
            admin.DeleteTopicsAsync([kafka.Topics.Hours, kafka.Topics.Changelog, kafka.Topics.DeadLetter]).GetAwaiter().GetResult();
        }
        var right = expected.Count == found.Count && expected.All(hour => found.TryGetValue(hour.Key, out var counts) && counts == hour.Value);
        Line.Print("peer=tally", all, seconds, string.Create(CultureInfo.InvariantCulture, $" commits={commits} committing_ms={committing * 1000:F0} correct={(right ? "true" : "false")}"));
        return right ? 0 : 1;
    }

    private static Dictionary<long, (long Clicks, long Impressions, long Users)> ReadUntil(KafkaOptions kafka, long all)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(kafka, "bench", "bench-reader")).Build();
        consumer.Assign(Enumerable.Range(0, kafka.Partitions).Select(p => new TopicPartitionOffset(kafka.Topics.Hours, p, 0)));
        var partials = new Dictionary<string, HourPartial>();
        var sum = 0L;
        while (sum < all)
        {
            if (consumer.Consume(TimeSpan.FromMilliseconds(100)) is not { IsPartitionEOF: false } record || RecordKeys.IsProgress(record.Message.Key)) continue;
            var key = Encoding.ASCII.GetString(record.Message.Key);
            var partial = HourPartial.Parser.ParseFrom(record.Message.Value);
            if (partials.TryGetValue(key, out var before)) sum -= before.Clicks + before.Impressions;
            sum += partial.Clicks + partial.Impressions;
            partials[key] = partial;
        }
        return partials.Values.GroupBy(p => p.Hour).ToDictionary(g => g.Key, g => (g.Sum(p => p.Clicks), g.Sum(p => p.Impressions), g.Sum(p => p.UniqueUsers)));
    }

    private static Dictionary<long, (long Clicks, long Impressions, long Users)> Expected(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        return json.RootElement.GetProperty("windows").EnumerateObject().ToDictionary(
            window => long.Parse(window.Name, CultureInfo.InvariantCulture) / Hours.MillisecondsPerHour,
            window => (window.Value.GetProperty("clicks").GetInt64(), window.Value.GetProperty("impressions").GetInt64(), window.Value.GetProperty("unique_users").GetInt64()));
    }
}
