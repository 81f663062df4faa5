using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Google.Protobuf;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>What the input topic holds, counted the plain way, and what came out of it.</summary>
public sealed class TopicRecount
{
    private readonly HashSet<(long Hour, ByteString User, ByteString Id)> _ids = [];
    private readonly Dictionary<long, (long Clicks, long Impressions, HashSet<ByteString> Users)> _hours = [];

    public Dictionary<long, (long Clicks, long Impressions, long Users)> Hours =>
        _hours.ToDictionary(pair => pair.Key, pair => (pair.Value.Clicks, pair.Value.Impressions, (long)pair.Value.Users.Count));

    /// <summary>Where the records stand that must be dead letters.</summary>
    public SortedSet<(int Partition, long Offset)> Poison { get; } = [];

    public long Records { get; private set; }
    public long Duplicates { get; private set; }

    public static TopicRecount Of(KafkaOptions kafka)
    {
        var recount = new TopicRecount();
        ReadAll(kafka, kafka.Topics.Events, recount.Take);
        return recount;
    }

    /// <summary>Where each partition of the input ends.</summary>
    public static Dictionary<int, long> Ends(KafkaOptions kafka)
    {
        using var consumer = new ConsumerBuilder<Ignore, Ignore>(KafkaClientConfig.Consumer(kafka, "chaos", "chaos-ends")).SetErrorHandler((_, _) => { }).Build();
        return Enumerable.Range(0, kafka.Partitions)
            .ToDictionary(p => p, p => consumer.QueryWatermarkOffsets(new TopicPartition(kafka.Topics.Events, p), TimeSpan.FromSeconds(20)).High.Value);
    }

    /// <summary>Every dead letter by where it came from, those that are there twice twice.</summary>
    public static List<(int Partition, long Offset)> DeadLetters(KafkaOptions kafka)
    {
        var letters = new List<(int, long)>();
        ReadAll(kafka, kafka.Topics.DeadLetter, letter => letters.Add((
            int.Parse(Header(letter, DeadLetterHeaders.Partition), CultureInfo.InvariantCulture), long.Parse(Header(letter, DeadLetterHeaders.Offset), CultureInfo.InvariantCulture))));
        return letters;
    }

    /// <summary>Reads every committed record of a topic that nobody writes to any more. Fails where an open transaction holds readers up.</summary>
    private static void ReadAll(KafkaOptions kafka, string topic, Action<ConsumeResult<byte[]?, byte[]?>> take)
    {
        var config = KafkaClientConfig.Consumer(kafka, "chaos", "chaos-reader");
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(config).SetErrorHandler((_, _) => { }).Build();
        consumer.Assign(Enumerable.Range(0, kafka.Partitions).Select(p => new TopicPartitionOffset(topic, p, 0)));
        var ends = Enumerable.Range(0, kafka.Partitions)
            .ToDictionary(p => p, p => consumer.QueryWatermarkOffsets(new TopicPartition(topic, p), TimeSpan.FromSeconds(20)).High.Value);
        var began = TimeProvider.System.GetTimestamp();
        while (ends.Count > 0)
        {
            Assert.That(TimeProvider.System.GetElapsedTime(began), Is.LessThan(TimeSpan.FromMinutes(2)), $"{topic}: readers of committed records do not reach the ends of {string.Join(", ", ends.Keys)}");
            if (consumer.Consume(TimeSpan.FromMilliseconds(200)) is not { } result) continue;
            if (!result.IsPartitionEOF) take(result);
            else if (ends.TryGetValue(result.Partition, out var end) && result.Offset >= end) ends.Remove(result.Partition);
        }
    }

    private void Take(ConsumeResult<byte[]?, byte[]?> record)
    {
        Records++;
        if (record.Message.Headers.TryGetLastBytes(EventFlood.PoisonHeader, out _))
        {
            Poison.Add((record.Partition, record.Offset));
            return;
        }
        var made = AnalyticsEvent.Parser.ParseFrom(record.Message.Value);
        var hour = made.TimestampMs / 3_600_000;
        if (!made.IdHash.IsEmpty && !_ids.Add((hour, made.UserHash, made.IdHash)))
        {
            Duplicates++;
            return;
        }
        var (clicks, impressions, users) = _hours.GetValueOrDefault(hour, (0, 0, []));
        users.Add(made.UserHash);
        _hours[hour] = made.Kind == EventKind.Click ? (clicks + 1, impressions, users) : (clicks, impressions + 1, users);
    }

    private static string Header(ConsumeResult<byte[]?, byte[]?> record, string name) =>
        Encoding.UTF8.GetString(record.Message.Headers.Single(h => h.Key == name).GetValueBytes());
}
