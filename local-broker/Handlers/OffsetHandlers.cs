using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Handlers;

/// <summary>Questions about a log's offsets, and groups' committed offsets.</summary>
internal sealed class OffsetHandlers(BrokerState state)
{
    public WireWriter ListOffsets(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key02ListOffsets.Request request = Key02ListOffsets.Read(ref reader, context.Version);
        WireWriter response = context.StartResponse();
        Key02ListOffsets.WriteHead(response, context.Version, request.Topics.Length);
        foreach (Key02ListOffsets.TopicRequest topic in request.Topics)
        {
            response.WriteString(topic.Name);
            response.WriteArrayLength(topic.Partitions.Length);
            foreach (Key02ListOffsets.PartitionRequest partition in topic.Partitions)
            {
                (ErrorCode error, long timestamp, long offset) = Find(state.Topics.Find(topic.Name, partition.Index), partition, request.CommittedOnly);
                Key02ListOffsets.WritePartition(response, context.Version, partition.Index, error, timestamp, offset);
            }
        }

        return response;
    }

    public async ValueTask<WireWriter?> CommitAsync(RequestContext context)
    {
        List<TopicErrors> results = state.Groups.Commit(ReadCommit(context));
        await state.Flush.WhenDurableAsync();
        WireWriter response = context.StartResponse();
        Key08OffsetCommit.Write(response, context.Version, results);
        return response;
    }

    public WireWriter Fetch(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key09OffsetFetch.Request request = Key09OffsetFetch.Read(ref reader, context.Version);
        WireWriter response = context.StartResponse();
        Key09OffsetFetch.Write(response, context.Version, state.Groups.FetchOffsets(request));
        return response;
    }

    private static Key08OffsetCommit.Request ReadCommit(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key08OffsetCommit.Read(ref reader, context.Version);
    }

    private static (ErrorCode Error, long Timestamp, long Offset) Find(PartitionLog? log, Key02ListOffsets.PartitionRequest request, bool committedOnly)
    {
        if (log is null)
            return (ErrorCode.UnknownTopicOrPartition, -1, -1);
        if (request.LeaderEpoch > 0)
            return (ErrorCode.UnknownLeaderEpoch, -1, -1);
        LogOffsets offsets = log.Offsets;
        switch (request.Timestamp)
        {
            case Key02ListOffsets.Latest:
                return (ErrorCode.None, -1, committedOnly ? offsets.LastStable : offsets.HighWatermark);
            case Key02ListOffsets.Earliest:
                return (ErrorCode.None, -1, offsets.Start);
            case < 0:
                return (ErrorCode.UnsupportedForMessageFormat, -1, -1);
            default:
                return log.FindByTimestamp(request.Timestamp, committedOnly) is { } found ? (ErrorCode.None, found.Timestamp, found.Offset) : (ErrorCode.None, -1, -1);
        }
    }
}
