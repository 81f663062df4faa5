using Confluent.Kafka;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.CommandService.Ingest;

/// <summary>
/// Holds our hash key against the fingerprint in the progress records of the hours' topic. Events hashed with another key would be counted
/// as new users, so the service ends before it acknowledges one. On a topic without progress there is nothing to compare with yet.
/// </summary>
public sealed partial class HashKeyCheck(IOptions<KafkaOptions> kafka, UserHasher hasher, TimeProvider clock, ILogger<HashKeyCheck> logger)
{
    // A commit ends with a progress record; only transactions that were aborted in a row push it further from the end. librdkafka takes
    // -2000 - n for "n before the end" (RD_KAFKA_OFFSET_TAIL).
    private static readonly Offset[] Starts = [new(-2000 - 100), Offset.Beginning];

    private readonly KafkaOptions _kafka = kafka.Value;

    /// <summary>Looks for a progress record, for at most about <paramref name="limit"/>.</summary>
    /// <returns>True when the key is the right one, false when nothing was counted yet or we may not read what was.</returns>
    /// <exception cref="ConfigurationException">What was counted was hashed with another key.</exception>
    /// <exception cref="KafkaException">The topic could not be read.</exception>
    public bool Confirms(TimeSpan limit)
    {
        var config = KafkaClientConfig.Consumer(_kafka, "command-service-hash-key", "command-service-hash-key");
        // A partition that holds less than was asked for.
        config.AutoOffsetReset = AutoOffsetReset.Earliest;
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(config)
            .SetKeyDeserializer(Deserializers.ByteArray!)
            .SetValueDeserializer(Deserializers.ByteArray!)
            .SetLogHandler((_, line) => KafkaClientLog.Take(logger, line))
            .SetErrorHandler((client, error) => KafkaClientLog.Take(logger, client.Name, error))
            .Build();
        var begun = clock.GetTimestamp();
        TimeSpan Left() => clock.GetElapsedTime(begun) is var spent && spent < limit ? limit - spent : TimeSpan.FromMilliseconds(1);
        try
        {
            var partitions = Partitions(consumer, Left());
            foreach (var from in Starts)
            {
                consumer.Assign(partitions.Select(p => new TopicPartitionOffset(p, from)));
                if (FindProgress(consumer, partitions.Count, Left) is { } progress) return Compare(progress);
            }
            return false;
        }
        catch (KafkaException e) when (e.Error.Code == ErrorCode.TopicAuthorizationFailed)
        {
            MayNotRead(logger, _kafka.Topics.Hours);
            return false;
        }
    }

    private bool Compare(Progress progress) => progress.KeyFingerprint == hasher.Fingerprint ? true : throw new ConfigurationException(
        $"{_kafka.Topics.Hours} was counted with the hash key of fingerprint {progress.KeyFingerprint}, this one has {hasher.Fingerprint}: every user would "
        + "count as new; set HashKey:File or HashKey:Value to the key the processor runs with.");

    private List<TopicPartition> Partitions(IConsumer<byte[]?, byte[]?> consumer, TimeSpan limit)
    {
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var topic = admin.GetMetadata(_kafka.Topics.Hours, limit).Topics[0];
        if (topic.Error.Code is ErrorCode.UnknownTopicOrPart) return [];
        if (topic.Error.IsError) throw new KafkaException(topic.Error);
        return [.. topic.Partitions.Select(p => new TopicPartition(_kafka.Topics.Hours, p.PartitionId))];
    }

    /// <summary>The first that any partition gives, so that one without a leader does not matter; null when all have been read to their ends.</summary>
    private static Progress? FindProgress(IConsumer<byte[]?, byte[]?> consumer, int partitions, Func<TimeSpan> left)
    {
        for (var ended = 0; ended < partitions;)
        {
            var record = consumer.Consume(left()) ?? throw new KafkaException(new Error(ErrorCode.Local_TimedOut, "no record came"));
            if (record.IsPartitionEOF) ended++;
            else if (record.Message is { Key: { } key, Value: { } value } message && RecordKeys.IsProgress(key) && Read(message.Headers, value) is { } progress) return progress;
        }
        return null;
    }

    /// <summary>Null for a damaged record or one of a newer version: the processor says what is to be done about those.</summary>
    private static Progress? Read(Headers headers, byte[] value)
    {
        try
        {
            return RecordTypes.Is(headers, RecordTypes.Progress, out _) ? Progress.Parser.ParseFrom(value) : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    [LoggerMessage(EventId = 1021, Level = LogLevel.Warning,
        Message = "The hash key cannot be compared with what was counted: no right to read {Topic}. Another key than the processor's would count every user as new.")]
    private static partial void MayNotRead(ILogger logger, string topic);
}
