namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>
/// Fetch, key 1, versions 4-11. v5 log start offset, v7 fetch sessions (always answered with session 0: clients then keep sending full requests,
/// KIP-227 allows it), v9 leader epoch, v11 rack.
/// </summary>
internal static class Key01Fetch
{
    public static readonly ApiRange Range = new(ApiKey.Fetch, 4, 11, 12);

    public static Request Read(ref WireReader reader, short version)
    {
        reader.ReadInt32();
        int maxWaitMs = reader.ReadInt32();
        int minBytes = reader.ReadInt32();
        int maxBytes = reader.ReadInt32();
        bool committedOnly = reader.ReadInt8() == 1;
        int sessionId = 0;
        if (version >= 7)
        {
            sessionId = reader.ReadInt32();
            reader.ReadInt32();
        }

        var topics = new TopicRequest[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
            topics[i] = ReadTopic(ref reader, version);
        if (version >= 7)
            SkipForgotten(ref reader);
        if (version >= 11)
            reader.ReadString();
        return new Request(maxWaitMs, minBytes, maxBytes, committedOnly, sessionId, topics);
    }

    private static TopicRequest ReadTopic(ref WireReader reader, short version)
    {
        string name = reader.ReadString();
        var partitions = new PartitionRequest[Math.Max(0, reader.ReadArrayLength())];
        for (int j = 0; j < partitions.Length; j++)
        {
            int index = reader.ReadInt32();
            int leaderEpoch = version >= 9 ? reader.ReadInt32() : -1;
            long offset = reader.ReadInt64();
            if (version >= 5)
                reader.ReadInt64();
            partitions[j] = new PartitionRequest(index, leaderEpoch, offset, reader.ReadInt32());
        }

        return new TopicRequest(name, partitions);
    }

    private static void SkipForgotten(ref WireReader reader)
    {
        for (int topics = reader.ReadArrayLength(); topics > 0; topics--)
        {
            reader.ReadString();
            for (int partitions = reader.ReadArrayLength(); partitions > 0; partitions--)
                reader.ReadInt32();
        }
    }

    public static void WriteHead(WireWriter writer, short version, ErrorCode error, int topicCount)
    {
        writer.WriteInt32(0);
        if (version >= 7)
        {
            writer.WriteError(error);
            writer.WriteInt32(0);
        }

        writer.WriteArrayLength(topicCount);
    }

    /// <summary>Everything of a partition before its records; the caller appends them with their length.</summary>
    public static void WritePartitionHead(WireWriter writer, short version, in PartitionHead head)
    {
        writer.WriteInt32(head.Index);
        writer.WriteError(head.Error);
        writer.WriteInt64(head.HighWatermark);
        writer.WriteInt64(head.LastStableOffset);
        if (version >= 5)
            writer.WriteInt64(head.LogStartOffset);
        // Null for read_uncommitted, empty for read_committed without aborts (seen at Kafka 4.3.1).
        writer.WriteArrayLength(head.Aborted?.Count ?? -1);
        foreach (AbortedTransaction aborted in head.Aborted ?? [])
        {
            writer.WriteInt64(aborted.ProducerId);
            writer.WriteInt64(aborted.FirstOffset);
        }

        if (version >= 11)
            writer.WriteInt32(-1);
    }

    public readonly record struct PartitionRequest(int Index, int LeaderEpoch, long Offset, int MaxBytes);

    public sealed record TopicRequest(string Name, PartitionRequest[] Partitions);

    public sealed record Request(int MaxWaitMs, int MinBytes, int MaxBytes, bool CommittedOnly, int SessionId, TopicRequest[] Topics);

    public readonly record struct AbortedTransaction(long ProducerId, long FirstOffset);

    public readonly record struct PartitionHead(
        int Index, ErrorCode Error, long HighWatermark, long LastStableOffset, long LogStartOffset, IReadOnlyList<AbortedTransaction>? Aborted);
}
