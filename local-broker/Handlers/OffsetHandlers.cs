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
                (ErrorCode error, long timestamp, long offset) = Find(context.Version, state.Topics.Find(topic.Name, partition.Index), partition, request.CommittedOnly);
                Key02ListOffsets.WritePartition(response, context.Version, partition.Index, error, timestamp, offset);
            }

            response.WriteTags();
        }

        response.WriteTags();

        return response;
    }

    public WireWriter DeleteRecords(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key21DeleteRecords.TopicRequest[] topics = Key21DeleteRecords.Read(ref reader);
        WireWriter response = context.StartResponse();
        Key21DeleteRecords.WriteHead(response, topics.Length);
        foreach (Key21DeleteRecords.TopicRequest topic in topics)
        {
            response.WriteString(topic.Name);
            response.WriteArrayLength(topic.Partitions.Length);
            foreach ((int index, long offset) in topic.Partitions)
            {
                (ErrorCode error, long start) = state.Topics.Find(topic.Name, index)?.DeleteBefore(offset) ?? (ErrorCode.UnknownTopicOrPartition, -1);
                Key21DeleteRecords.WritePartition(response, index, start, error);
            }
        }

        return response;
    }

    public WireWriter ForLeaderEpoch(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key23OffsetForLeaderEpoch.TopicRequest[] topics = Key23OffsetForLeaderEpoch.Read(ref reader, context.Version);
        WireWriter response = context.StartResponse();
        Key23OffsetForLeaderEpoch.WriteHead(response, topics.Length);
        foreach (Key23OffsetForLeaderEpoch.TopicRequest topic in topics)
        {
            response.WriteString(topic.Name);
            response.WriteArrayLength(topic.Partitions.Length);
            foreach ((int index, int currentEpoch, int epoch) in topic.Partitions)
            {
                PartitionLog? log = state.Topics.Find(topic.Name, index);
                ErrorCode error = log is null ? ErrorCode.UnknownTopicOrPartition : currentEpoch > 0 ? ErrorCode.UnknownLeaderEpoch : ErrorCode.None;
                bool known = error == ErrorCode.None && epoch == 0;
                Key23OffsetForLeaderEpoch.WritePartition(response, error, index, known ? 0 : -1, known ? log!.Offsets.HighWatermark : -1);
            }
        }

        return response;
    }

    public async ValueTask<WireWriter?> CommitAsync(RequestContext context)
    {
        List<TopicErrors> results = state.Groups.Commit(ReadCommit(context));
        if (!await state.IsDurableAsync())
            results = results.ConvertAll(t => t.With(ErrorCode.CoordinatorNotAvailable));
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

    private static (ErrorCode Error, long Timestamp, long Offset) Find(
        short version, PartitionLog? log, Key02ListOffsets.PartitionRequest request, bool committedOnly)
    {
        if (log is null)
            return (ErrorCode.UnknownTopicOrPartition, -1, -1);
        if (request.LeaderEpoch > 0)
            return (ErrorCode.UnknownLeaderEpoch, -1, -1);
        try
        {
            return Find(version, log, request.Timestamp, committedOnly);
        }
        catch (IOException e)
        {
            log.LogTimesUnreadable(e);
            return (ErrorCode.KafkaStorageError, -1, -1);
        }
    }

    private static (ErrorCode Error, long Timestamp, long Offset) Find(short version, PartitionLog log, long timestamp, bool committedOnly)
    {
        LogOffsets offsets = log.Offsets;
        switch (timestamp)
        {
            case Key02ListOffsets.Latest:
                return (ErrorCode.None, -1, committedOnly ? offsets.LastStable : offsets.HighWatermark);
            case Key02ListOffsets.Earliest:
                return (ErrorCode.None, -1, offsets.Start);
            case Key02ListOffsets.Largest when version >= Key02ListOffsets.LargestFromVersion:
                return log.FindLargestTimestamp() is { } newest ? (ErrorCode.None, newest.Timestamp, newest.Offset) : (ErrorCode.None, -1, -1);
            case < 0:
                return (ErrorCode.UnsupportedVersion, -1, -1);
            default:
                return log.FindByTimestamp(timestamp, committedOnly) is { } found ? (ErrorCode.None, found.Timestamp, found.Offset) : (ErrorCode.None, -1, -1);
        }
    }
}
