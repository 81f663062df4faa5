namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>DeleteRecords, key 21, versions 0-1. Offset -1 means everything readable.</summary>
internal static class Key21DeleteRecords
{
    public static readonly ApiRange Range = new(ApiKey.DeleteRecords, 0, 1, 2);

    public static TopicRequest[] Read(ref WireReader reader)
    {
        var topics = new TopicRequest[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
        {
            string name = reader.ReadString();
            var partitions = new (int, long)[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < partitions.Length; j++)
                partitions[j] = (reader.ReadInt32(), reader.ReadInt64());
            topics[i] = new TopicRequest(name, partitions);
        }

        reader.ReadInt32();
        return topics;
    }

    public static void WriteHead(WireWriter writer, int topicCount)
    {
        writer.WriteInt32(0);
        writer.WriteArrayLength(topicCount);
    }

    public static void WritePartition(WireWriter writer, int index, long lowWatermark, ErrorCode error)
    {
        writer.WriteInt32(index);
        writer.WriteInt64(lowWatermark);
        writer.WriteError(error);
    }

    public sealed record TopicRequest(string Name, (int Index, long Offset)[] Partitions);
}
