namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>OffsetCommit, key 8, versions 2-7. v2-4 carry a retention time that nobody honours any more, v6 leader epoch, v7 static members (KIP-345).</summary>
internal static class Key08OffsetCommit
{
    public static readonly ApiRange Range = new(ApiKey.OffsetCommit, 2, 7, 8);

    public static Request Read(ref WireReader reader, short version)
    {
        string group = reader.ReadString();
        int generation = reader.ReadInt32();
        string member = reader.ReadString();
        string? instance = version >= 7 ? reader.ReadNullableString() : null;
        if (version <= 4)
            reader.ReadInt64();
        var topics = new TopicOffsets[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
        {
            string name = reader.ReadString();
            var partitions = new OffsetToCommit[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < partitions.Length; j++)
            {
                int partition = reader.ReadInt32();
                long offset = reader.ReadInt64();
                int epoch = version >= 6 ? reader.ReadInt32() : -1;
                partitions[j] = new OffsetToCommit(partition, offset, epoch, reader.ReadNullableString());
            }

            topics[i] = new TopicOffsets(name, partitions);
        }

        return new Request(group, generation, member, instance, topics);
    }

    public static void Write(WireWriter writer, short version, IReadOnlyCollection<TopicErrors> topics)
    {
        if (version >= 3)
            writer.WriteInt32(0);
        TopicErrors.WriteAll(writer, topics);
    }

    public sealed record Request(string Group, int Generation, string Member, string? Instance, TopicOffsets[] Topics);
}
