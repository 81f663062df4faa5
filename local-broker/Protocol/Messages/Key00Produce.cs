namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>
/// Produce, key 0. Offered 0-8 as Kafka 4 does, although 0-2 cannot be served: librdkafka before 2.6 turns compression off when 0 is missing from the
/// range (KAFKA-18659). An actual request below 3 closes the connection, as Kafka does.
/// v3 transactional id, v5 log start offset, v8 record errors and an error message.
/// </summary>
internal static class Key00Produce
{
    public const short ServedMin = 3;
    public static readonly ApiRange Range = new(ApiKey.Produce, 0, 8, 9);

    public static Request Read(ref WireReader reader, short version)
    {
        if (version < ServedMin)
            throw new MalformedRequestException("Produce below version 3 carries a message format that is gone since Kafka 4");
        string? transactionalId = reader.ReadNullableString();
        short acks = reader.ReadInt16();
        reader.ReadInt32();
        var topics = new TopicData[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
        {
            string name = reader.ReadString();
            var partitions = new PartitionData[Math.Max(0, reader.ReadArrayLength())];
            for (int j = 0; j < partitions.Length; j++)
                partitions[j] = new PartitionData(reader.ReadInt32(), reader.ReadBytesRange());
            topics[i] = new TopicData(name, partitions);
        }

        return new Request(transactionalId, acks, topics);
    }

    public static void Write(WireWriter writer, short version, TopicData[] topics, PartitionResult[][] results)
    {
        writer.WriteArrayLength(topics.Length);
        for (int i = 0; i < topics.Length; i++)
        {
            writer.WriteString(topics[i].Name);
            writer.WriteArrayLength(results[i].Length);
            foreach (PartitionResult result in results[i])
                WritePartition(writer, version, result);
        }

        writer.WriteInt32(0);
    }

    private static void WritePartition(WireWriter writer, short version, PartitionResult result)
    {
        writer.WriteInt32(result.Index);
        writer.WriteError(result.Error);
        writer.WriteInt64(result.BaseOffset);
        writer.WriteInt64(result.LogAppendTime);
        if (version >= 5)
            writer.WriteInt64(result.LogStartOffset);
        if (version >= 8)
        {
            writer.WriteArrayLength(0);
            writer.WriteString(result.Message);
        }
    }

    /// <param name="Index">Partition number.</param>
    /// <param name="Records">Where the record batch lies in the frame.</param>
    public readonly record struct PartitionData(int Index, Range? Records);

    public sealed record TopicData(string Name, PartitionData[] Partitions);

    public sealed record Request(string? TransactionalId, short Acks, TopicData[] Topics);

    public readonly record struct PartitionResult(int Index, ErrorCode Error, long BaseOffset = -1, long LogAppendTime = -1, long LogStartOffset = -1, string? Message = null);
}
