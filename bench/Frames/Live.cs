using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Tally.Shared.Kafka;

namespace Tally.Bench.Frames;

/// <summary>
/// Frames of now at a rate, or as many as go, into a running stack, and what comes out of <c>frames.unique-users</c>: how long after the first frame of a minute its first result came,
/// how long after end and lateness the final one, and how far behind the counts were meanwhile. All by this machine's clock, the results read from Kafka.
/// </summary>
public static class Live
{
    private const int Lateness = 5;
    private const int FrameBytes = 1000;

    /// <summary>A minute ends so long before sending does, so that its final result comes while frames still come.</summary>
    private static readonly TimeSpan MinuteEndsBefore = TimeSpan.FromSeconds(8);

    /// <param name="bootstrap">The broker of the stack.</param>
    /// <param name="rate">Frames a second, 0 for as many as go.</param>
    /// <param name="time">How long to send.</param>
    public static async Task<int> RunAsync(string bootstrap, int rate, TimeSpan time)
    {
        var kafka = new KafkaOptions { BootstrapServers = bootstrap };
        using var results = new Results(kafka);
        var sender = new Sender(kafka, results, rate);
        await Task.Delay(TimeSpan.FromMilliseconds(UntilBegin((long)time.TotalMilliseconds)));
        var began = Stopwatch.GetTimestamp();
        var reader = new Thread(results.Read);
        reader.Start();
        await sender.SendAsync(time);
        var sending = Stopwatch.GetElapsedTime(began);
        var atEnd = results.Behind;
        results.AwaitAll(sender.Sent);
        reader.Join();
        var whole = Stopwatch.GetElapsedTime(began);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"live rate={rate} sent={sender.Sent} sent_per_second={sender.Sent / sending.TotalSeconds:F0} counted_per_second={sender.Sent / whole.TotalSeconds:F0} "
            + $"behind_ms p50={Percentile(results.Lags, 50)} p99={Percentile(results.Lags, 99)} when_sending_ended={atEnd} frames, caught_up_after_ms={(whole - sending).TotalMilliseconds:F0}; "
            + $"early_ms={string.Join(",", results.Early)} final_ms={string.Join(",", results.Final)}"));
        return 0;
    }

    private static long UntilBegin(long sendingMs) => (((long)MinuteEndsBefore.TotalMilliseconds - sendingMs - NowMs) % 60_000 + 60_000) % 60_000;

    private static long Percentile(IEnumerable<long> values, int percent) => values.Order().ToArray() is { Length: > 0 } sorted ? sorted[Math.Min(sorted.Length - 1, sorted.Length * percent / 100)] : -1;

    private static long NowMs => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    private sealed class Sender(KafkaOptions kafka, Results results, int rate)
    {
        public long Sent { get; private set; }

        public async Task SendAsync(TimeSpan time)
        {
            using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig(KafkaClientConfig.Producer(kafka, "bench-live")) { LingerMs = 10, EnableDeliveryReports = false }).Build();
            // A producer that has not asked for its topic by the first record asks a second later (docs/performance.md).
            using (var admin = new DependentAdminClientBuilder(producer.Handle).Build()) admin.GetMetadata(kafka.Topics.Frames, TimeSpan.FromSeconds(20));
            var (random, began, minute) = (new Random(1), Stopwatch.GetTimestamp(), -1L);
            while (Stopwatch.GetElapsedTime(began) < time)
            {
                if (rate > 0 && Sent >= rate * Stopwatch.GetElapsedTime(began).TotalSeconds)
                {
                    await Task.Delay(1);
                    continue;
                }
                var now = NowMs;
                if (now / 60_000 != minute) results.MinuteBegan(minute = now / 60_000, now);
                // A hundred at once: the clock is looked at seldom.
                for (var n = 0; n < 100; n++) Produce(producer, Frame(random, now / 1000));
                results.SentUpTo(Sent, now);
            }
            producer.Flush(TimeSpan.FromMinutes(1));
        }

        private static byte[] Frame(Random random, long seconds)
        {
            var head = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"{{\"session\":{{\"uid\":\"decoy\",\"ts\":1}},\"ts\":{seconds},\"hops\":[{{\"ts\":7}},3.5,true,null],\"uid\":\"user-{random.Next(200_000)}\",\"pad\":\""));
            var frame = new byte[FrameBytes];
            Array.Fill(frame, (byte)'x');
            head.CopyTo(frame, 0);
            "\"}"u8.CopyTo(frame.AsSpan(FrameBytes - 2));
            return frame;
        }

        private void Produce(IProducer<Null, byte[]> producer, byte[] frame)
        {
            while (true)
            {
                try
                {
                    producer.Produce(kafka.Topics.Frames, new Message<Null, byte[]> { Value = frame });
                    Sent++;
                    return;
                }
                catch (ProduceException<Null, byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
                {
                    producer.Poll(TimeSpan.FromMilliseconds(1));
                }
            }
        }
    }

    private sealed class Results : IDisposable
    {
        private readonly IConsumer<byte[], byte[]> _consumer;
        private readonly Dictionary<long, long> _began = [];
        private readonly Dictionary<long, long> _frames = [];
        private readonly Queue<(long Sent, long AtMs)> _sent = new();
        private readonly HashSet<long> _closed = [];
        private readonly Lock _lock = new();
        private long _all = long.MaxValue;
        private long _counted;
        private long _sentUpTo;

        public Results(KafkaOptions kafka)
        {
            _consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(kafka, "bench-live", "bench-live")).Build();
            var place = new TopicPartition(kafka.Topics.UniqueUsers, 0);
            _consumer.Assign(new TopicPartitionOffset(place, _consumer.QueryWatermarkOffsets(place, TimeSpan.FromSeconds(20)).High));
        }

        public List<long> Lags { get; } = [];
        public List<long> Early { get; } = [];
        public List<long> Final { get; } = [];

        public long Behind
        {
            get { lock (_lock) return _sentUpTo - _counted; }
        }

        public void MinuteBegan(long minute, long atMs)
        {
            lock (_lock) _began[minute * 60] = atMs;
        }

        public void SentUpTo(long sent, long atMs)
        {
            lock (_lock)
            {
                _sentUpTo = sent;
                _sent.Enqueue((sent, atMs));
            }
        }

        public void AwaitAll(long sent)
        {
            lock (_lock) _all = sent;
        }

        public void Read()
        {
            while (true)
            {
                lock (_lock)
                    if (_counted >= _all) return;
                if (_consumer.Consume(TimeSpan.FromMilliseconds(50)) is not { IsPartitionEOF: false } record || !record.Message.Key.AsSpan().StartsWith("minute|"u8)) continue;
                using var json = JsonDocument.Parse(record.Message.Value);
                lock (_lock) Take(json.RootElement, NowMs);
            }
        }

        public void Dispose() => _consumer.Dispose();

        private void Take(JsonElement result, long nowMs)
        {
            var (start, frames) = (result.GetProperty("start").GetInt64(), result.GetProperty("frames").GetInt64());
            // A minute that had begun before this program is not its own.
            if (!_began.TryGetValue(start, out var beganMs)) return;
            if (!_frames.TryGetValue(start, out var before)) Early.Add(nowMs - beganMs);
            _frames[start] = frames;
            _counted += frames - before;
            while (_sent.TryPeek(out var sent) && sent.Sent <= _counted)
            {
                Lags.Add(nowMs - sent.AtMs);
                _sent.Dequeue();
            }
            if (result.GetProperty("state").GetString() == "final" && _closed.Add(start)) Final.Add(nowMs - ((start + 60 + Lateness) * 1000));
        }
    }
}
