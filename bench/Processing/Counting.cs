using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
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
    /// <param name="megabytes">State:MemoryBudget of each instance.</param>
    /// <param name="instances">How many processes share the partitions; of more than one, what they do from the moment on that all have some is measured.</param>
    public static int Run(string bootstrap, string topic, string expectedFile, int megabytes, int instances)
    {
        var expected = Expected(expectedFile);
        var all = expected.Values.Sum(hour => hour.Clicks + hour.Impressions);
        var run = $"{topic}.bench-{Environment.ProcessId}";
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        var partitions = admin.GetMetadata(topic, TimeSpan.FromSeconds(20)).Topics[0].Partitions.Count;
        var engine = new EngineInstance(bootstrap, topic, run, partitions, "1", megabytes);
        var topics = engine.Kafka.Topics;
        TopicCreation.EnsureAsync(engine.Kafka, NullLogger.Instance, CancellationToken.None).GetAwaiter().GetResult();
        using var commits = new CommitTimes();
        using var stop = new CancellationTokenSource();
        Result? result = null;
        using (var others = new OtherInstances(bootstrap, topic, run, partitions, megabytes, instances - 1))
        {
            var reader = new Thread(() =>
            {
                while (!engine.Runs && !stop.Token.WaitHandle.WaitOne(1))
                {
                }
                result = ReadUntil(engine.Kafka, all, () => engine.Runs && others.AllRun);
                stop.Cancel();
            });
            reader.Start();
            engine.Run(stop.Token);
            reader.Join();
        }
        admin.DeleteTopicsAsync([topics.Hours, topics.Changelog, topics.DeadLetter]).GetAwaiter().GetResult();
        var found = result!.Hours;
        var right = expected.Count == found.Count && expected.All(hour => found.TryGetValue(hour.Key, out var counts) && counts == hour.Value);
        Line.Print($"peer=tally partitions={partitions} instances={instances}", result.Counted, result.Seconds,
            string.Create(CultureInfo.InvariantCulture, $" commits={commits.Count} committing_ms={commits.Seconds * 1000:F0} correct={(right ? "true" : "false")}"));
        return right ? 0 : 1;
    }

    // The time begins when all count; what was counted before then is left out.
    private static Result ReadUntil(KafkaOptions kafka, long all, Func<bool> allCount)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(kafka, "bench", "bench-reader")).Build();
        consumer.Assign(Enumerable.Range(0, kafka.Partitions).Select(p => new TopicPartitionOffset(kafka.Topics.Hours, p, 0)));
        var partials = new Dictionary<string, HourPartial>();
        var (sum, began, before) = (0L, 0L, 0L);
        while (sum < all)
        {
            if (began == 0 && allCount()) (began, before) = (Stopwatch.GetTimestamp(), sum);
            if (consumer.Consume(TimeSpan.FromMilliseconds(began == 0 ? 1 : 100)) is not { IsPartitionEOF: false } record || RecordKeys.IsProgress(record.Message.Key)) continue;
            var key = Encoding.ASCII.GetString(record.Message.Key);
            var partial = HourPartial.Parser.ParseFrom(record.Message.Value);
            if (partials.TryGetValue(key, out var known)) sum -= known.Clicks + known.Impressions;
            sum += partial.Clicks + partial.Impressions;
            partials[key] = partial;
        }
        var hours = partials.Values.GroupBy(p => p.Hour).ToDictionary(g => g.Key, g => (g.Sum(p => p.Clicks), g.Sum(p => p.Impressions), g.Sum(p => p.UniqueUsers)));
        return new Result(hours, sum - before, began == 0 ? double.NaN : Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    private static Dictionary<long, (long Clicks, long Impressions, long Users)> Expected(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        return json.RootElement.GetProperty("windows").EnumerateObject().ToDictionary(
            window => long.Parse(window.Name, CultureInfo.InvariantCulture) / Hours.MillisecondsPerHour,
            window => (window.Value.GetProperty("clicks").GetInt64(), window.Value.GetProperty("impressions").GetInt64(), window.Value.GetProperty("unique_users").GetInt64()));
    }

    /// <param name="Hours">What was read in the end.</param>
    /// <param name="Counted">Events counted while it was measured.</param>
    /// <param name="Seconds">How long.</param>
    private sealed record Result(Dictionary<long, (long Clicks, long Impressions, long Users)> Hours, long Counted, double Seconds);
}
