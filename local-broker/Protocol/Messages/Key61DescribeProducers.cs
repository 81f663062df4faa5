namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>DescribeProducers, key 61, version 0: who writes to a partition, and since which offset in a transaction (KIP-664).</summary>
internal static class Key61DescribeProducers
{
    public static readonly ApiRange Range = new(ApiKey.DescribeProducers, 0, 0, 0);

    public static TopicPartitions[] Read(ref WireReader reader)
    {
        TopicPartitions[] topics = TopicPartitions.ReadAll(ref reader);
        reader.SkipTags();
        return topics;
    }

    public static void Write(WireWriter writer, IReadOnlyList<TopicResult> topics)
    {
        writer.WriteInt32(0);
        writer.WriteArrayLength(topics.Count);
        foreach (TopicResult topic in topics)
        {
            writer.WriteString(topic.Name);
            writer.WriteArrayLength(topic.Partitions.Count);
            foreach (PartitionResult partition in topic.Partitions)
                WritePartition(writer, partition);
            writer.WriteTags();
        }

        writer.WriteTags();
    }

    private static void WritePartition(WireWriter writer, PartitionResult partition)
    {
        writer.WriteInt32(partition.Index);
        writer.WriteError(partition.Error);
        writer.WriteString(null);
        writer.WriteArrayLength(partition.Producers.Count);
        foreach (Producer producer in partition.Producers)
        {
            writer.WriteInt64(producer.Id);
            writer.WriteInt32(producer.Epoch);
            writer.WriteInt32(producer.LastSequence);
            writer.WriteInt64(producer.LastTimestamp);
            writer.WriteInt32(producer.CoordinatorEpoch);
            writer.WriteInt64(producer.TransactionStart);
            writer.WriteTags();
        }

        writer.WriteTags();
    }

    /// <param name="CoordinatorEpoch">Of the last marker, -1 when there was none.</param>
    /// <param name="TransactionStart">First offset of the open transaction, -1 when there is none.</param>
    public readonly record struct Producer(long Id, int Epoch, int LastSequence, long LastTimestamp, int CoordinatorEpoch, long TransactionStart);

    public sealed record PartitionResult(int Index, ErrorCode Error, IReadOnlyList<Producer> Producers);

    public sealed record TopicResult(string Name, IReadOnlyList<PartitionResult> Partitions);
}
