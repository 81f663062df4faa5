using System.Collections.Concurrent;
using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Tally.MaterializerService.Sinks;
using Tally.Shared.Kafka;

namespace Tally.MaterializerService.Feed;

/// <summary>Opens consumers of a topic.</summary>
public sealed class KafkaPartialFeedFactory(
    string topic, IOptions<KafkaOptions> kafka, IOptions<MaterializerOptions> options, ILogger<KafkaPartialFeed> logger)
    : IPartialFeedFactory
{
    private readonly MaterializerOptions _options = options.Value;
    private readonly ConcurrentDictionary<string, InstanceFencing> _fencings = new();

    public string Topic => topic;

    public IPartialFeed Open(string group, IFeedListener listener)
    {
        var config = KafkaClientConfig.Consumer(kafka.Value, $"{group}-{_options.Instance}", group);
        config.GroupInstanceId = _options.StaticMembership ? _options.Instance : null;
        config.SessionTimeoutMs = (int)_options.SessionTimeout.TotalMilliseconds;
        // A rebalance is seen at the next heartbeat.
        config.HeartbeatIntervalMs = (int)_options.SessionTimeout.TotalMilliseconds / 12;
        // Taking all partitions away and giving them back costs a sink one question to its store. The cooperative way of librdkafka 2.0.2
        // was seen to leave partitions without owner and never tells an instance that it has none.
        config.PartitionAssignmentStrategy = PartitionAssignmentStrategy.Range;
        config.QueuedMaxMessagesKbytes = _options.PrefetchKilobytes;
        // A broker that came back is read again at once.
        config.FetchErrorBackoffMs = 100;
        config.FetchWaitMaxMs = 250;
        config.ConsumeResultFields = "headers";
        // What exactly-once rests on is not for Kafka:Client to change.
        config.IsolationLevel = IsolationLevel.ReadCommitted;
        config.AutoOffsetReset = AutoOffsetReset.Error;
        config.EnableAutoCommit = false;
        config.EnableAutoOffsetStore = false;
        config.EnablePartitionEof = false;
        config.AllowAutoCreateTopics = false;
        return new KafkaPartialFeed(config, Topic, Fencing(group), listener, logger);
    }

    /// <summary>Outlives the group's consumers, each of which is fenced at most once.</summary>
    private InstanceFencing Fencing(string group) =>
        _fencings.GetOrAdd(group, _ => new InstanceFencing("Materializer:Instance", _options.Instance, TimeProvider.System));
}
