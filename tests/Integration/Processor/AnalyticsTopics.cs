using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Unit.Processor;

namespace Tally.Tests.Integration.Processor;

/// <summary>The topics of the job on some broker: events go in with a plain recount beside them, what comes out is read committed.</summary>
public sealed class AnalyticsTopics(string bootstrap, int partitions)
{
    public KafkaOptions Kafka { get; } = new() { BootstrapServers = bootstrap, Partitions = partitions };

    public Recount Oracle { get; } = new();

    /// <summary>Records written to the input so far.</summary>
    public int Produced { get; private set; }

    public int Poison { get; private set; }

    /// <summary>Of what is written from now on.</summary>
    public CompressionType Compression { get; set; } = CompressionType.None;

    public Task CreateAsync() => TopicCreation.EnsureAsync(Kafka, NullLogger.Instance, CancellationToken.None);

    /// <summary>Writes events of several hours with retries under the same id and some poison among them.</summary>
    /// <param name="random">Draws them.</param>
    /// <param name="count">How many.</param>
    /// <param name="poison">How many of these besides.</param>
    /// <param name="users">From so many, or a tenth of the events.</param>
    public void Produce(Random random, int count, int poison = 0, int? users = null)
    {
        var config = KafkaClientConfig.Producer(Kafka, "test");
        config.CompressionType = Compression;
        using var producer = new ProducerBuilder<byte[]?, byte[]?>(config).Build();
        for (var i = 0; i < count; i++)
        {
            var (user, hour) = ($"user-{random.Next(users ?? (count / 10))}", random.Next(6));
            var kind = random.Next(4) == 0 ? EventKind.Click : EventKind.Impression;
            var id = random.Next(3) == 0 ? $"id-{random.Next(5)}" : null;
            var made = Events.Hashed(user, (hour * Hours.MillisecondsPerHour) + random.NextInt64(Hours.MillisecondsPerHour), kind, id);
            producer.Produce(Kafka.Topics.Events, new Message<byte[]?, byte[]?> { Key = made.Key, Value = made.Value, Headers = made.Headers });
            Oracle.Take(user, hour, kind, id);
        }
        for (var i = 0; i < poison; i++)
            producer.Produce(new TopicPartition(Kafka.Topics.Events, i % partitions), new Message<byte[]?, byte[]?> { Key = [(byte)i], Value = i % 2 == 0 ? null : [1, 2, 3] });
        Produced += count + poison;
        Poison += poison;
        producer.Flush(Eventually.Patience);
    }

    /// <summary>Waits until the committed outcomes add up to everything produced, and reads the hours.</summary>
    public Dictionary<long, (long Clicks, long Impressions, long Users)> ReadHoursWhenAllIsCounted()
    {
        var hours = new Dictionary<string, HourPartial>();
        var progress = new Dictionary<int, Progress>();
        Read(Kafka.Topics.Hours, waits: true, () => $"{progress.Values.Sum(Read)} of {Produced} counted", record =>
        {
            if (RecordKeys.IsProgress(record.Message.Key)) progress[record.Partition] = Progress.Parser.ParseFrom(record.Message.Value);
            else hours[Encoding.ASCII.GetString(record.Message.Key)] = HourPartial.Parser.ParseFrom(record.Message.Value);
            return progress.Values.Sum(Read) == Produced;
        });
        return Sum(hours);
    }

    /// <summary>The hours once nobody writes any more.</summary>
    public Dictionary<long, (long Clicks, long Impressions, long Users)> ReadHours()
    {
        var hours = new Dictionary<string, HourPartial>();
        foreach (var record in ReadAll(Kafka.Topics.Hours))
            if (!RecordKeys.IsProgress(record.Message.Key)) hours[Encoding.ASCII.GetString(record.Message.Key)] = HourPartial.Parser.ParseFrom(record.Message.Value);
        return Sum(hours);
    }

    /// <summary>Reads progress records from the beginning until <paramref name="enough"/> says so.</summary>
    public void ReadProgress(string what, Func<Progress, bool> enough) => Read(Kafka.Topics.Hours, waits: true, () => what, record =>
        RecordKeys.IsProgress(record.Message.Key) && enough(Progress.Parser.ParseFrom(record.Message.Value)));

    /// <summary>Every committed record of a topic that nobody writes to any more.</summary>
    public List<ConsumeResult<byte[], byte[]>> ReadAll(string topic)
    {
        var all = new List<ConsumeResult<byte[], byte[]>>();
        Read(topic, waits: false, () => $"its end was not reached after {all.Count} records", record =>
        {
            all.Add(record);
            return false;
        });
        return all;
    }

    private static Dictionary<long, (long Clicks, long Impressions, long Users)> Sum(Dictionary<string, HourPartial> partials) => partials.Values.GroupBy(h => h.Hour)
        .ToDictionary(g => g.Key, g => (g.Sum(h => h.Clicks), g.Sum(h => h.Impressions), g.Sum(h => h.UniqueUsers)));

    private static long Read(Progress progress) =>
        progress.Outcomes.Counted + progress.Outcomes.Duplicate + progress.Outcomes.DeadLettered.Values.Sum();

    /// <summary>Reads committed records from the beginning until <paramref name="enough"/>, or unless it <paramref name="waits"/>, until the end.</summary>
    private void Read(string topic, bool waits, Func<string> state, Func<ConsumeResult<byte[], byte[]>, bool> enough)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(Kafka, "test", "test-reader")).Build();
        consumer.Assign(Enumerable.Range(0, partitions).Select(p => new TopicPartitionOffset(topic, p, 0)));
        var ended = new HashSet<int>();
        var began = TimeProvider.System.GetTimestamp();
        while (ended.Count < partitions || waits)
        {
            Assert.That(TimeProvider.System.GetElapsedTime(began), Is.LessThan(Eventually.Patience), $"{topic}: {state()}");
            var result = consumer.Consume(TimeSpan.FromMilliseconds(100));
            if (result is { IsPartitionEOF: true }) ended.Add(result.Partition);
            else if (result is not null && enough(result)) return;
        }
    }
}
