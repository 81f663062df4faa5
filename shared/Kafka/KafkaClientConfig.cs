using Confluent.Kafka;

namespace Tally.Shared.Kafka;

/// <summary>Builds client configurations that all services share; each service adds what its role needs.</summary>
public static class KafkaClientConfig
{
    /// <summary>The one partitioner of every producer, that of Kafka's Java clients, so that a key meets the same partition from everywhere.</summary>
    public const string PartitionerName = "murmur2_random";

    /// <summary>Idempotent, acks=all, murmur2_random. <paramref name="clientId"/> shows in broker logs.</summary>
    public static ProducerConfig Producer(KafkaOptions options, string clientId)
    {
        var config = new ProducerConfig(Base(options, clientId))
        {
            EnableIdempotence = true,
            Acks = Acks.All,
            Partitioner = Partitioner.Murmur2Random,
            // Topics made or grown while we run are seen within seconds, not after five minutes.
            TopicMetadataRefreshIntervalMs = 10_000,
        };
        return config;
    }

    /// <summary>Read committed, no auto commit, from the beginning when nothing was committed, end of partition reported.</summary>
    public static ConsumerConfig Consumer(KafkaOptions options, string clientId, string groupId) =>
        new(Base(options, clientId))
        {
            GroupId = groupId,
            EnableAutoCommit = false,
            EnableAutoOffsetStore = false,
            AutoOffsetReset = AutoOffsetReset.Error,
            IsolationLevel = IsolationLevel.ReadCommitted,
            EnablePartitionEof = true,
            TopicMetadataRefreshIntervalMs = 10_000,
        };

    public static AdminClientConfig Admin(KafkaOptions options, string clientId) => new(Base(options, clientId));

    private static Dictionary<string, string> Base(KafkaOptions options, string clientId)
    {
        var properties = new Dictionary<string, string>
        {
            ["bootstrap.servers"] = options.BootstrapServers,
            ["client.id"] = clientId,
            // A broker that came back is found within a second; the default backs off to ten.
            ["reconnect.backoff.ms"] = "50",
            ["reconnect.backoff.max.ms"] = "1000",
            ["socket.nagle.disable"] = "true",
            ["log.connection.close"] = "false",
            // A topic that a client's question brought into being would have the broker's default partition count, not ours.
            ["allow.auto.create.topics"] = "false",
        };
        foreach (var (key, value) in options.Client) properties[key] = value;
        return properties;
    }
}
