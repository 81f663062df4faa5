namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>TxnOffsetCommit, key 28, versions 0-3. v2 leader epoch, v3 flexible and with the group's generation and member (KIP-447).</summary>
internal static class Key28TxnOffsetCommit
{
    public static readonly ApiRange Range = new(ApiKey.TxnOffsetCommit, 0, 3, 3);

    public static Request Read(ref WireReader reader, short version)
    {
        string transactionalId = reader.ReadString();
        string group = reader.ReadString();
        long producerId = reader.ReadInt64();
        short epoch = reader.ReadInt16();
        int generation = -1;
        string member = "";
        string? instance = null;
        if (version >= 3)
        {
            generation = reader.ReadInt32();
            member = reader.ReadString();
            instance = reader.ReadNullableString();
        }

        var topics = new TopicOffsets[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
        {
            string name = reader.ReadString();
            var partitions = new OffsetToCommit[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < partitions.Length; j++)
            {
                int partition = reader.ReadInt32();
                long offset = reader.ReadInt64();
                int leaderEpoch = version >= 2 ? reader.ReadInt32() : -1;
                partitions[j] = new OffsetToCommit(partition, offset, leaderEpoch, reader.ReadNullableString());
                reader.SkipTags();
            }

            reader.SkipTags();
            topics[i] = new TopicOffsets(name, partitions);
        }

        return new Request(transactionalId, group, producerId, epoch, generation, member, instance, topics);
    }

    public static void Write(WireWriter writer, IReadOnlyCollection<TopicErrors> topics)
    {
        writer.WriteInt32(0);
        TopicErrors.WriteAll(writer, topics);
        writer.WriteTags();
    }

    public sealed record Request(
        string TransactionalId, string Group, long ProducerId, short Epoch, int Generation, string Member, string? Instance, TopicOffsets[] Topics);
}
