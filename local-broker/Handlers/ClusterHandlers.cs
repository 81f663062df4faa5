using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Handlers;

/// <summary>What the broker offers, which topics there are, who coordinates.</summary>
internal sealed class ClusterHandlers(BrokerState state, HandlerTable table)
{
    private readonly Lazy<IReadOnlyCollection<ApiRange>> _ranges = new(() => table.Ranges);

    public WireWriter ApiVersions(RequestContext context)
    {
        WireReader reader = context.Reader();
        bool valid = Key18ApiVersions.Read(ref reader, context.Version);
        WireWriter response = context.StartResponse();
        Key18ApiVersions.Write(response, context.Version, valid ? ErrorCode.None : ErrorCode.InvalidRequest, valid ? _ranges.Value : []);
        return response;
    }

    public WireWriter Metadata(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key03Metadata.Request request = Key03Metadata.Read(ref reader, context.Version);
        IEnumerable<Key03Metadata.TopicInfo> topics = request.Names is null
            ? state.Topics.All.Values.Select(t => new Key03Metadata.TopicInfo(t.Name, ErrorCode.None, t.Partitions.Count))
            : request.Names.Distinct(StringComparer.Ordinal).Select(name => Describe(name, request.AutoCreate));
        WireWriter response = context.StartResponse();
        Key03Metadata.Write(
            response, context.Version, new Key03Metadata.Response(BrokerState.NodeId, state.Host, state.Port, state.Topics.ClusterId, [.. topics]));
        return response;
    }

    public WireWriter DescribeCluster(RequestContext context)
    {
        WireReader reader = context.Reader();
        bool brokers = Key60DescribeCluster.Read(ref reader, context.Version) == Key60DescribeCluster.Brokers;
        WireWriter response = context.StartResponse();
        Key60DescribeCluster.Write(response, context.Version, new Key60DescribeCluster.Response(
            brokers ? ErrorCode.None : ErrorCode.MismatchedEndpointType, brokers ? null : "There are only brokers here.",
            state.Topics.ClusterId, BrokerState.NodeId, state.Host, state.Port));
        return response;
    }

    public WireWriter FindCoordinator(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key10FindCoordinator.Request request = Key10FindCoordinator.Read(ref reader, context.Version);
        ErrorCode error = request.KeyType is 0 or 1 ? ErrorCode.None : ErrorCode.InvalidRequest;
        WireWriter response = context.StartResponse();
        Key10FindCoordinator.Write(response, context.Version, error, BrokerState.NodeId, state.Host, state.Port);
        return response;
    }

    private Key03Metadata.TopicInfo Describe(string name, bool autoCreate)
    {
        Topic? topic = state.Topics.Find(name);
        if (topic is null && autoCreate && state.Options.AutoCreateTopics)
        {
            state.Topics.Create(name, state.Options.DefaultPartitions, new Dictionary<string, string>(), validateOnly: false);
            topic = state.Topics.Find(name);
        }

        if (topic is not null)
            return new Key03Metadata.TopicInfo(name, ErrorCode.None, topic.Partitions.Count);
        return new Key03Metadata.TopicInfo(name, TopicCatalog.IsValidName(name) ? ErrorCode.UnknownTopicOrPartition : ErrorCode.InvalidTopic, 0);
    }
}
