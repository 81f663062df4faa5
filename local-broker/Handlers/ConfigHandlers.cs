using System.Globalization;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Handlers;

/// <summary>Describing and changing configurations. A topic's are stored; the broker's own are shown only.</summary>
internal sealed class ConfigHandlers(BrokerState state)
{
    public WireWriter Describe(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key32DescribeConfigs.Request request = Key32DescribeConfigs.Read(ref reader);
        WireWriter response = context.StartResponse();
        Key32DescribeConfigs.Write(response, request.Synonyms, [.. request.Resources.Select(Describe)]);
        return response;
    }

    private Key32DescribeConfigs.Result Describe(Key32DescribeConfigs.Resource resource)
    {
        IEnumerable<Key32DescribeConfigs.Entry>? entries = (ConfigResourceType)resource.Type switch
        {
            ConfigResourceType.Topic when state.Topics.Find(resource.Name) is { } topic => OfTopic(topic),
            ConfigResourceType.Broker when resource.Name == BrokerState.NodeId.ToString(CultureInfo.InvariantCulture) => OfBroker(),
            _ => null,
        };
        if (entries is null)
        {
            bool unknownTopic = resource.Type == (sbyte)ConfigResourceType.Topic;
            var refused = new ConfigAnswer(unknownTopic ? ErrorCode.UnknownTopicOrPartition : ErrorCode.InvalidRequest, "No such resource.", resource.Type, resource.Name);
            return new Key32DescribeConfigs.Result(refused, []);
        }

        var answer = new ConfigAnswer(ErrorCode.None, null, resource.Type, resource.Name);
        return new Key32DescribeConfigs.Result(answer, [.. entries.Where(e => resource.Keys is null || resource.Keys.Contains(e.Key))]);
    }

    private static IEnumerable<Key32DescribeConfigs.Entry> OfTopic(Topic topic) => LogConfig.Known.Select(known =>
        topic.Settings.TryGetValue(known.Key, out string? value)
            ? new Key32DescribeConfigs.Entry(known.Key, value, ConfigSource.DynamicTopic, ReadOnly: false)
            : new Key32DescribeConfigs.Entry(known.Key, known.Default, ConfigSource.Default, ReadOnly: false));

    private IEnumerable<Key32DescribeConfigs.Entry> OfBroker()
    {
        LocalBrokerOptions o = state.Options;
        (string Key, object Value)[] settings =
        [
            ("auto.create.topics.enable", o.AutoCreateTopics ? "true" : "false"), ("num.partitions", o.DefaultPartitions),
            ("group.min.session.timeout.ms", o.GroupSessionTimeoutMin.TotalMilliseconds),
            ("group.max.session.timeout.ms", o.GroupSessionTimeoutMax.TotalMilliseconds),
            ("group.initial.rebalance.delay.ms", o.GroupInitialRebalanceDelay.TotalMilliseconds),
            ("transaction.max.timeout.ms", o.TransactionTimeoutMax.TotalMilliseconds),
            ("offsets.retention.minutes", o.OffsetsRetention.TotalMinutes), ("socket.request.max.bytes", o.RequestBytesMax),
            ("producer.id.expiration.ms", o.ProducerIdExpiration.TotalMilliseconds),
        ];
        return settings.Select(s => new Key32DescribeConfigs.Entry(
            s.Key, Convert.ToString(s.Value, CultureInfo.InvariantCulture), ConfigSource.StaticBroker, ReadOnly: true));
    }
}
