namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>OffsetForLeaderEpoch, key 23, versions 2-3. There has only ever been epoch 0, and it ends where the log does.</summary>
internal static class Key23OffsetForLeaderEpoch
{
    public static readonly ApiRange Range = new(ApiKey.OffsetForLeaderEpoch, 2, 3, 4);

    public static TopicRequest[] Read(ref WireReader reader, short version)
    {
        if (version >= 3)
            reader.ReadInt32();
        var topics = new TopicRequest[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
        {
            string name = reader.ReadString();
            var partitions = new (int, int, int)[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < partitions.Length; j++)
                partitions[j] = (reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32());
            topics[i] = new TopicRequest(name, partitions);
        }

        return topics;
    }

    public static void WriteHead(WireWriter writer, int topicCount)
    {
        writer.WriteInt32(0);
        writer.WriteArrayLength(topicCount);
    }

    public static void WritePartition(WireWriter writer, ErrorCode error, int index, int epoch, long endOffset)
    {
        writer.WriteError(error);
        writer.WriteInt32(index);
        writer.WriteInt32(epoch);
        writer.WriteInt64(endOffset);
    }

    public sealed record TopicRequest(string Name, (int Index, int CurrentEpoch, int Epoch)[] Partitions);
}
