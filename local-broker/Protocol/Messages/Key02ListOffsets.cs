namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>
/// ListOffsets, key 2, versions 1-7. v2 isolation level, v4 leader epoch, v6 flexible, v7 the largest timestamp (KIP-734). Timestamps -1 and -2 mean
/// end and start, -3 the record with the largest timestamp.
/// </summary>
internal static class Key02ListOffsets
{
    public const long Latest = -1;
    public const long Earliest = -2;
    public const long Largest = -3;
    public const short LargestFromVersion = 7;
    public static readonly ApiRange Range = new(ApiKey.ListOffsets, 1, 7, 6);

    public static Request Read(ref WireReader reader, short version)
    {
        reader.ReadInt32();
        bool committedOnly = version >= 2 && reader.ReadInt8() == 1;
        var topics = new TopicRequest[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
        {
            string name = reader.ReadString();
            var partitions = new PartitionRequest[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < partitions.Length; j++)
            {
                int index = reader.ReadInt32();
                int leaderEpoch = version >= 4 ? reader.ReadInt32() : -1;
                partitions[j] = new PartitionRequest(index, leaderEpoch, reader.ReadInt64());
                reader.SkipTags();
            }

            reader.SkipTags();
            topics[i] = new TopicRequest(name, partitions);
        }

        return new Request(committedOnly, topics);
    }

    public static void WriteHead(WireWriter writer, short version, int topicCount)
    {
        if (version >= 2)
            writer.WriteInt32(0);
        writer.WriteArrayLength(topicCount);
    }

    public static void WritePartition(WireWriter writer, short version, int index, ErrorCode error, long timestamp, long offset)
    {
        writer.WriteInt32(index);
        writer.WriteError(error);
        writer.WriteInt64(timestamp);
        writer.WriteInt64(offset);
        if (version >= 4)
            writer.WriteInt32(offset < 0 ? -1 : 0);
        writer.WriteTags();
    }

    public readonly record struct PartitionRequest(int Index, int LeaderEpoch, long Timestamp);

    public sealed record TopicRequest(string Name, PartitionRequest[] Partitions);

    public sealed record Request(bool CommittedOnly, TopicRequest[] Topics);
}
