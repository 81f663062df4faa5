namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>One offset to commit, as OffsetCommit and TxnOffsetCommit carry it.</summary>
internal readonly record struct OffsetToCommit(int Partition, long Offset, int LeaderEpoch, string? Metadata);

/// <summary>The offsets of one topic.</summary>
internal sealed record TopicOffsets(string Name, OffsetToCommit[] Partitions);

/// <summary>The partitions of one topic, by number.</summary>
internal sealed record TopicPartitions(string Name, int[] Partitions)
{
    public static TopicPartitions[] ReadAll(ref WireReader reader)
    {
        var topics = new TopicPartitions[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
        {
            string name = reader.ReadString();
            var partitions = new int[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < partitions.Length; j++)
                partitions[j] = reader.ReadInt32();
            reader.SkipTags();
            topics[i] = new TopicPartitions(name, partitions);
        }

        return topics;
    }
}

/// <summary>The answer that several requests share: an error code for each partition of each topic.</summary>
internal sealed record TopicErrors(string Name, (int Partition, ErrorCode Error)[] Partitions)
{
    /// <summary>The same partitions with another answer to all of them.</summary>
    public TopicErrors With(ErrorCode error) => this with { Partitions = Array.ConvertAll(Partitions, p => (p.Partition, error)) };

    public static void WriteAll(WireWriter writer, IReadOnlyCollection<TopicErrors> topics)
    {
        writer.WriteArrayLength(topics.Count);
        foreach (TopicErrors topic in topics)
        {
            writer.WriteString(topic.Name);
            writer.WriteArrayLength(topic.Partitions.Length);
            foreach ((int partition, ErrorCode error) in topic.Partitions)
            {
                writer.WriteInt32(partition);
                writer.WriteError(error);
                writer.WriteTags();
            }

            writer.WriteTags();
        }
    }
}
