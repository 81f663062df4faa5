using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.Bench.Processing;

/// <summary>
/// How long after Kafka has acknowledged an event a read_committed reader sees numbers that hold it, at a steady rate of events: the engine's part of
/// freshness. What is seen is told by the progress record that ends each commit.
/// </summary>
public static class Freshness
{
    private const int Partitions = 4;
    private const int Users = 200_000;
    private const int WarmUpSeconds = 3;

    /// <summary>Events that are followed, so that they are looked through quickly.</summary>
    private const int FollowedPerSecond = 500;

    public static int Run(string bootstrap, int rate, int seconds)
    {
        var run = $"fresh-{Environment.ProcessId}";
        var engine = new EngineInstance(bootstrap, $"{run}.events", run, Partitions, "1", megabytes: 48);
        TopicCreation.EnsureAsync(engine.Kafka, NullLogger.Instance, CancellationToken.None).GetAwaiter().GetResult();
        using var stop = new CancellationTokenSource();
        var counting = new Thread(() => engine.Run(stop.Token));
        counting.Start();
        while (!engine.Runs) stop.Token.WaitHandle.WaitOne(10);
        var waiting = new Queue<(long Offset, long AckedAt)>[Partitions];
        for (var p = 0; p < Partitions; p++) waiting[p] = new Queue<(long, long)>();
        var delays = new List<double>();
        var reading = new Thread(() => Read(engine.Kafka, waiting, delays, stop.Token));
        reading.Start();
        var (sent, took) = Send(engine.Kafka, rate, seconds, waiting);
        stop.CancelAfter(TimeSpan.FromSeconds(2));
        reading.Join();
        counting.Join();
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        var topics = engine.Kafka.Topics;
        admin.DeleteTopicsAsync([topics.Events, topics.Hours, topics.Changelog, topics.DeadLetter]).GetAwaiter().GetResult();
        delays.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"freshness of the engine: {sent / took:F0} events/s, {delays.Count} followed, p50 {At(0.5):F0} ms, p99 {At(0.99):F0} ms, most {delays[^1]:F0} ms"));
        return waiting.All(queue => queue.Count == 0) ? 0 : 1;

        double At(double share) => delays[(int)(delays.Count * share)];
    }

    private static (long Sent, double Seconds) Send(KafkaOptions kafka, int rate, int seconds, Queue<(long Offset, long AckedAt)>[] waiting)
    {
        var config = KafkaClientConfig.Producer(kafka, "bench");
        config.EnableIdempotence = true;
        config.LingerMs = 5;
        config.DeliveryReportFields = "none";
        config.QueueBufferingMaxMessages = 1_000_000;
        using var producer = new ProducerBuilder<byte[], byte[]>(config).Build();
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var random = new Random(1);
        var users = new byte[Users][];
        // As the hashes that they stand for: every bit as good as any other.
        for (var i = 0; i < Users; i++) random.NextBytes(users[i] = new byte[16]);
        var headers = new Headers { { RecordTypes.Header, RecordTypes.AnalyticsEvent } };
        var (sent, every) = (0L, Math.Max(1, rate / FollowedPerSecond));
        var begun = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begun).TotalSeconds is var elapsed && elapsed < seconds)
        {
            for (var due = (long)(elapsed * rate); sent < due; sent++)
            {
                var user = users[random.Next(Users)];
                var message = new Message<byte[], byte[]>
                {
                    Key = user,
                    Value = new AnalyticsEvent { TimestampMs = now, Kind = EventKind.Click, UserHash = ByteString.CopyFrom(user) }.ToByteArray(),
                    Headers = headers,
                };
                producer.Produce(kafka.Topics.Events, message, sent % every == 0 && elapsed > WarmUpSeconds ? Follow : null);
            }
            producer.Poll(TimeSpan.FromMilliseconds(1));
        }
        producer.Flush(TimeSpan.FromSeconds(20));
        return (sent, Stopwatch.GetElapsedTime(begun).TotalSeconds);

        void Follow(DeliveryReport<byte[], byte[]> report)
        {
            if (report.Error.IsError) throw new InvalidOperationException(report.Error.Reason);
            var queue = waiting[report.Partition.Value];
            lock (queue) queue.Enqueue((report.Offset.Value, Stopwatch.GetTimestamp()));
        }
    }

    private static void Read(KafkaOptions kafka, Queue<(long Offset, long AckedAt)>[] waiting, List<double> delays, CancellationToken stop)
    {
        var config = KafkaClientConfig.Consumer(kafka, "bench", "bench-reader");
        config.FetchWaitMaxMs = 20;
        using var consumer = new ConsumerBuilder<byte[], byte[]>(config).Build();
        consumer.Assign(Enumerable.Range(0, Partitions).Select(p => new TopicPartitionOffset(kafka.Topics.Hours, p, 0)));
        while (!stop.IsCancellationRequested)
        {
            if (consumer.Consume(TimeSpan.FromMilliseconds(50)) is not { IsPartitionEOF: false } record || !RecordKeys.IsProgress(record.Message.Key)) continue;
            var next = Progress.Parser.ParseFrom(record.Message.Value).NextOffset;
            var queue = waiting[record.Partition.Value];
            lock (queue)
                while (queue.TryPeek(out var first) && first.Offset < next) delays.Add(Stopwatch.GetElapsedTime(queue.Dequeue().AckedAt).TotalMilliseconds);
        }
    }
}
