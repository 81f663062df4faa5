using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.Json;
using Confluent.Kafka;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Kafka;
using Tally.ProcessorService.Jobs.Frames;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.Bench.Frames;

/// <summary>
/// The engine with the frames job in this process, exactly once, from the first record read until a read_committed reader beside it has seen minutes that add up
/// to every frame. Minute by minute the result must be that of the generator's file. Twice: the second time everything is compiled, as in a service that runs
/// for longer than seconds. Settings of <c>Processor</c> and <c>Frames</c> are taken from the environment as the service does.
/// </summary>
public static class Counting
{
    public static int Run(string bootstrap, string topic, string expectedFile, string windows, bool validateTail)
    {
        var expected = Expected(expectedFile);
        var bytes = Growing.Bytes(bootstrap, topic);
        var tail = validateTail ? "validated" : "ignored";
        return Enumerable.Range(1, 2).All(turn => Count(bootstrap, topic, expected, windows, validateTail, bytes, $"peer=tally windows={windows} tail={tail} turn={turn}")) ? 0 : 1;
    }

    private static bool Count(string bootstrap, string topic, Dictionary<long, (long Frames, long Users)> expected, string windows, bool validateTail, long bytes, string what)
    {
        var all = expected.Values.Sum(minute => minute.Frames);
        var run = $"{topic}.bench-{Guid.NewGuid():N}";
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        var kafka = new KafkaOptions
        {
            BootstrapServers = bootstrap,
            Partitions = admin.GetMetadata(topic, TimeSpan.FromSeconds(20)).Topics[0].Partitions.Count,
            Topics = new TopicNames
            {
                Frames = topic,
                FramesProgress = $"{run}.progress",
                FramesChangelog = $"{run}.changelog",
                FramesDeadLetter = $"{run}.dead-letter",
                UniqueUsers = $"{run}.results",
            },
        };
        TopicCreation.EnsureAsync(kafka, NullLogger.Instance, CancellationToken.None).GetAwaiter().GetResult();
        var (seconds, found) = (0d, new Dictionary<long, (long, long)>());
        var (commits, committing) = (0, 0d);
        using var stop = new CancellationTokenSource();
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
            var settings = new ConfigurationBuilder().AddEnvironmentVariables().Build();
            var options = new ProcessorOptions { StaticMembership = false, HeartbeatInterval = TimeSpan.FromMilliseconds(500) };
            settings.GetSection(ProcessorOptions.Section).Bind(options);
            (options.Group, options.TransactionalIdPrefix) = (run, run);
            var frames = new FramesOptions { Windows = windows, ValidateTail = validateTail };
            settings.GetSection(FramesOptions.Section).Bind(frames);
            var status = new EngineStatus(TimeProvider.System);
            using var broker = new KafkaBroker(kafka, options, status, TimeProvider.System, NullLogger<KafkaBroker>.Instance, kafka.Topics.UniqueUsers);
            var job = new FramesJob(kafka.Topics, new UserHasher(new byte[32]), frames, options, "", TimeProvider.System);
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
            new Session(broker, job, options, kafka.Partitions, status, TimeProvider.System, NullLogger.Instance).Run(stop.Token);
            reader.Join();
        }
        finally
        {
            admin.DeleteTopicsAsync([kafka.Topics.FramesProgress, kafka.Topics.FramesChangelog, kafka.Topics.FramesDeadLetter, kafka.Topics.UniqueUsers]).GetAwaiter().GetResult();
        }
        var right = expected.Count == found.Count && expected.All(minute => found.TryGetValue(minute.Key, out var counts) && counts == minute.Value);
        Line.Print(what, all, bytes, seconds, string.Create(CultureInfo.InvariantCulture, $" commits={commits} committing_ms={committing * 1000:F0} correct={(right ? "true" : "false")}"));
        return right;
    }

    private static Dictionary<long, (long Frames, long Users)> ReadUntil(KafkaOptions kafka, long all)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(kafka, "bench", "bench-reader")).Build();
        consumer.Assign(new TopicPartitionOffset(kafka.Topics.UniqueUsers, 0, 0));
        var minutes = new Dictionary<long, (long Frames, long Users)>();
        var sum = 0L;
        while (sum < all)
        {
            if (consumer.Consume(TimeSpan.FromMilliseconds(100)) is not { IsPartitionEOF: false } record || !record.Message.Key.AsSpan().StartsWith("minute|"u8)) continue;
            using var json = JsonDocument.Parse(record.Message.Value);
            var start = json.RootElement.GetProperty("start").GetInt64();
            if (minutes.TryGetValue(start, out var before)) sum -= before.Frames;
            minutes[start] = (json.RootElement.GetProperty("frames").GetInt64(), json.RootElement.GetProperty("unique_users").GetInt64());
            sum += minutes[start].Frames;
        }
        return minutes;
    }

    private static Dictionary<long, (long Frames, long Users)> Expected(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        return json.RootElement.GetProperty("windows").EnumerateObject().ToDictionary(
            window => long.Parse(window.Name, CultureInfo.InvariantCulture) / 1000,
            window => (window.Value.GetProperty("frames").GetInt64(), window.Value.GetProperty("unique_users").GetInt64()));
    }
}
