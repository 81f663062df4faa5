using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Handlers;

/// <summary>Making and removing topics and partitions.</summary>
internal sealed class TopicHandlers(BrokerState state)
{
    public WireWriter Create(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key19CreateTopics.Request request = Key19CreateTopics.Read(ref reader);
        var results = new List<(string, ErrorCode, string?)>(request.Topics.Length);
        foreach (Key19CreateTopics.NewTopic topic in request.Topics)
        {
            (ErrorCode error, string? message) = Create(topic, request.ValidateOnly);
            results.Add((topic.Name, error, message));
        }

        WireWriter response = context.StartResponse();
        Key19CreateTopics.Write(response, results);
        return response;
    }

    public WireWriter Delete(RequestContext context)
    {
        WireReader reader = context.Reader();
        var results = new List<(string, ErrorCode)>();
        foreach (string name in Key20DeleteTopics.Read(ref reader))
        {
            ErrorCode error = state.Topics.Delete(name);
            if (error == ErrorCode.None)
                state.Groups.TopicDeleted(name);
            results.Add((name, error));
        }

        WireWriter response = context.StartResponse();
        Key20DeleteTopics.Write(response, results);
        return response;
    }

    public WireWriter CreatePartitions(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key37CreatePartitions.Request request = Key37CreatePartitions.Read(ref reader);
        var results = new List<(string, ErrorCode, string?)>(request.Topics.Length);
        foreach ((string name, int count) in request.Topics)
        {
            (ErrorCode error, string? message) = state.Topics.AddPartitions(name, count, request.ValidateOnly);
            results.Add((name, error, message));
        }

        WireWriter response = context.StartResponse();
        Key37CreatePartitions.Write(response, results);
        return response;
    }

    private (ErrorCode Error, string? Message) Create(Key19CreateTopics.NewTopic topic, bool validateOnly)
    {
        // There is one node; any other factor would be a promise that is not kept.
        if (topic.Replicas is not (-1 or 1))
            return (ErrorCode.InvalidReplicationFactor, "This broker is a single node: the replication factor must be 1 or -1.");
        if (CheckAssignment(topic) is { } refused)
            return refused;
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string key, string? value) in topic.Configs)
        {
            if (value is null)
                return (ErrorCode.InvalidConfig, $"A value is needed for {key}.");
            settings[key] = value;
        }

        int partitions = topic.Assigned.Length > 0 ? topic.Assigned.Length : topic.Partitions == -1 ? state.Options.DefaultPartitions : topic.Partitions;
        return state.Topics.Create(topic.Name, partitions, settings, validateOnly);
    }

    private static (ErrorCode Error, string? Message)? CheckAssignment(Key19CreateTopics.NewTopic topic)
    {
        if (topic.Assigned.Length == 0)
            return null;
        if (topic.Partitions != -1 || topic.Replicas != -1)
            return (ErrorCode.InvalidRequest, "With an assignment by hand, partitions and replication factor must be -1.");
        bool complete = topic.Assigned.Select(a => a.Partition).Order().SequenceEqual(Enumerable.Range(0, topic.Assigned.Length));
        return complete && topic.Assigned.All(a => a.Nodes is [var node] && node == BrokerState.NodeId)
            ? null
            : (ErrorCode.InvalidReplicaAssignment, $"Partitions must be numbered from 0 on, each on node {BrokerState.NodeId}, the only one.");
    }
}
