namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>OffsetFetch, key 9, versions 1-7. v2 null array for all and a top-level error, v5 leader epoch, v6 flexible, v7 requireStable (KIP-447).</summary>
internal static class Key09OffsetFetch
{
    public static readonly ApiRange Range = new(ApiKey.OffsetFetch, 1, 7, 6);

    public static Request Read(ref WireReader reader, short version)
    {
        string group = reader.ReadString();
        int count = reader.ReadArrayLength();
        TopicPartitions[]? topics = count < 0 ? null : new TopicPartitions[count];
        for (int i = 0; i < count; i++)
        {
            string name = reader.ReadString();
            var partitions = new int[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < partitions.Length; j++)
                partitions[j] = reader.ReadInt32();
            reader.SkipTags();
            topics![i] = new TopicPartitions(name, partitions);
        }

        return new Request(group, topics, version >= 7 && reader.ReadBoolean());
    }

    public static void Write(WireWriter writer, short version, IReadOnlyCollection<TopicResult> topics)
    {
        if (version >= 3)
            writer.WriteInt32(0);
        writer.WriteArrayLength(topics.Count);
        foreach (TopicResult topic in topics)
        {
            writer.WriteString(topic.Name);
            writer.WriteArrayLength(topic.Partitions.Count);
            foreach (PartitionResult partition in topic.Partitions)
            {
                writer.WriteInt32(partition.Partition);
                writer.WriteInt64(partition.Offset);
                if (version >= 5)
                    writer.WriteInt32(partition.LeaderEpoch);
                writer.WriteString(partition.Metadata);
                writer.WriteError(partition.Error);
                writer.WriteTags();
            }

            writer.WriteTags();
        }

        if (version >= 2)
            writer.WriteError(ErrorCode.None);
        writer.WriteTags();
    }

    public sealed record Request(string Group, TopicPartitions[]? Topics, bool RequireStable);

    public readonly record struct PartitionResult(int Partition, long Offset, int LeaderEpoch, string? Metadata, ErrorCode Error);

    public sealed record TopicResult(string Name, IReadOnlyList<PartitionResult> Partitions);
}
