using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;

namespace Tally.Shared.Kafka;

/// <summary>
/// Makes the topics of every job with their partitions and settings. Idempotent: make, compose and Kubernetes all run
/// <c>processor-service create-topics</c>, and an existing topic is only checked.
/// </summary>
public static partial class TopicCreation
{
    /// <summary>Creates what is missing.</summary>
    /// <exception cref="InvalidOperationException">An existing topic has another partition count; says which and what to do.</exception>
    /// <exception cref="KafkaException">The broker refused or did not answer in time.</exception>
    public static async Task EnsureAsync(KafkaOptions options, ILogger logger, CancellationToken cancellation)
    {
        using var admin = new AdminClientBuilder(KafkaClientConfig.Admin(options, "tally-topics")).LogTo(logger).Build();
        foreach (var topic in Specifications(options))
        {
            cancellation.ThrowIfCancellationRequested();
            await EnsureAsync(admin, topic, options, logger).ConfigureAwait(false);
        }
    }

    /// <summary>Every topic with its partitions and settings.</summary>
    public static IEnumerable<TopicSpecification> Specifications(KafkaOptions options)
    {
        var compacted = new Dictionary<string, string>
        {
            ["cleanup.policy"] = "compact",
            // Ten small commits a second are rewritten again and again: small segments close soon and are cleaned soon, and the markers of
            // the transactions go after an hour instead of a day.
            ["segment.bytes"] = "8388608",
            ["min.cleanable.dirty.ratio"] = "0.3",
            ["delete.retention.ms"] = "3600000",
        };
        var retained = new Dictionary<string, string>
        {
            ["cleanup.policy"] = "delete",
            ["retention.ms"] = ((long)options.EventRetention.TotalMilliseconds).ToString(CultureInfo.InvariantCulture),
        };
        yield return Topic(options.Topics.Events, retained);
        yield return Topic(options.Topics.DeadLetter, retained);
        yield return Topic(options.Topics.Changelog, compacted);
        yield return Topic(options.Topics.Hours, compacted);
        yield return Topic(options.Topics.Sketches, compacted);
        // An array is one record: as large as the body that command-service takes.
        yield return Topic(options.Topics.Flows, new(retained) { ["max.message.bytes"] = KafkaOptions.FlowArrayBytesMax.ToString(CultureInfo.InvariantCulture) });
        yield return Topic(options.Topics.FlowsDeadLetter, retained);
        yield return Topic(options.Topics.FlowSums, compacted);
        // Three streams; who has the one partition of the progress has all of them.
        yield return Topic(options.Topics.Colours, retained, 3);
        yield return Topic(options.Topics.ColoursDeadLetter, retained, 1);
        yield return Topic(options.Topics.ColoursProgress, compacted, 1);
        yield return Topic(options.Topics.Frames, retained);
        yield return Topic(options.Topics.FramesDeadLetter, retained);
        yield return Topic(options.Topics.FramesChangelog, compacted);
        yield return Topic(options.Topics.FramesProgress, compacted);
        // One process owns all partitions of the frames: the one that is given this partition.
        yield return Topic(options.Topics.UniqueUsers, compacted, partitions: 1);

        TopicSpecification Topic(string name, Dictionary<string, string> configs, int? partitions = null) => new()
        {
            Name = name,
            NumPartitions = partitions ?? options.Partitions,
            ReplicationFactor = options.ReplicationFactor,
            // With three copies an acknowledged record is on two: else acks=all could mean one broker alone.
            Configs = options.ReplicationFactor < 3 ? configs : new(configs) { ["min.insync.replicas"] = "2" },
        };
    }

    private static async Task EnsureAsync(IAdminClient admin, TopicSpecification topic, KafkaOptions options, ILogger logger)
    {
        try
        {
            await admin.CreateTopicsAsync([topic], new CreateTopicsOptions { RequestTimeout = TimeSpan.FromSeconds(5) }).ConfigureAwait(false);
            Created(logger, topic.Name, topic.NumPartitions);
        }
        catch (CreateTopicsException e) when (e.Results[0].Error.Code == ErrorCode.TopicAlreadyExists)
        {
            var found = admin.GetMetadata(topic.Name, TimeSpan.FromSeconds(15)).Topics[0].Partitions.Count;
            if (found != topic.NumPartitions)
                throw new InvalidOperationException(
                    topic.NumPartitions == options.Partitions
                        ? $"Topic {topic.Name} has {found} partitions, Kafka:Partitions says {topic.NumPartitions}: set Kafka:Partitions={found}, or rebuild into a new generation."
                        : $"Topic {topic.Name} has {found} partitions and needs {topic.NumPartitions}: delete it, or name another in Kafka:Topics.", e);
        }
    }

    [LoggerMessage(EventId = 9010, Level = LogLevel.Information, Message = "Created topic {Topic} with {Partitions} partitions")]
    private static partial void Created(ILogger logger, string topic, int partitions);
}
