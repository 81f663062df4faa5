using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.CommandService.Ingest;

/// <summary>
/// Holds our hash key against the fingerprint in the progress records of the hours' topic. Events hashed with another key would be counted
/// as new users, so the service ends before it acknowledges one. On a topic without progress there is nothing to compare with yet.
/// </summary>
public sealed class HashKeyCheck(IOptions<KafkaOptions> kafka, UserHasher hasher, ILogger<HashKeyCheck> logger)
{
    // A commit ends with a progress record; only transactions that were aborted in a row push it further from the end.
    private static readonly long[] Tails = [100, long.MaxValue];

    private readonly KafkaOptions _kafka = kafka.Value;

    /// <summary>Looks for a progress record, for at most about <paramref name="limit"/> of silence.</summary>
    /// <returns>True when the key is the right one, false when nothing was counted yet.</returns>
    /// <exception cref="ConfigurationException">What was counted was hashed with another key.</exception>
    /// <exception cref="KafkaException">The topic could not be read.</exception>
    public bool Confirms(TimeSpan limit)
    {
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(KafkaClientConfig.Consumer(_kafka, "command-service-hash-key", "command-service-hash-key"))
            .SetKeyDeserializer(Deserializers.ByteArray!)
            .SetValueDeserializer(Deserializers.ByteArray!)
            .SetLogHandler((_, line) => KafkaClientLog.Take(logger, line))
            .SetErrorHandler((client, error) => KafkaClientLog.Take(logger, client.Name, error))
            .Build();
        using var admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        var topic = admin.GetMetadata(_kafka.Topics.Hours, limit).Topics[0];
        if (topic.Error.Code is ErrorCode.UnknownTopicOrPart) return false;
        if (topic.Error.IsError) throw new KafkaException(topic.Error);

        var ends = topic.Partitions
            .Select(p => (Place: new TopicPartition(_kafka.Topics.Hours, p.PartitionId), Ends: consumer.QueryWatermarkOffsets(new TopicPartition(_kafka.Topics.Hours, p.PartitionId), limit)))
            .Where(p => p.Ends.High > p.Ends.Low)
            .ToList();
        foreach (var tail in Tails)
        {
            consumer.Assign(ends.Select(p => new TopicPartitionOffset(p.Place, Math.Max(p.Ends.Low, p.Ends.High - Math.Min(tail, p.Ends.High)))));
            if (FindProgress(consumer, ends.Count, limit) is not { } progress) continue;
            if (progress.KeyFingerprint == hasher.Fingerprint) return true;
            throw new ConfigurationException(
                $"{_kafka.Topics.Hours} was counted with the hash key of fingerprint {progress.KeyFingerprint}, this one has {hasher.Fingerprint}: every user would "
                + "count as new; set HashKey:File or HashKey:Value to the key the processor runs with.");
        }
        return false;
    }

    private static Progress? FindProgress(IConsumer<byte[]?, byte[]?> consumer, int partitions, TimeSpan limit)
    {
        for (var ended = 0; ended < partitions;)
        {
            var record = consumer.Consume(limit) ?? throw new KafkaException(new Error(ErrorCode.Local_TimedOut, "no record came"));
            if (record.IsPartitionEOF) ended++;
            else if (record.Message is { Key: { } key, Value: { } value } && RecordKeys.IsProgress(key)) return Progress.Parser.ParseFrom(value);
        }
        return null;
    }
}
