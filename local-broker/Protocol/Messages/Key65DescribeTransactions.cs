namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>DescribeTransactions, key 65, version 0 (KIP-664).</summary>
internal static class Key65DescribeTransactions
{
    public static readonly ApiRange Range = new(ApiKey.DescribeTransactions, 0, 0, 0);

    public static string[] Read(ref WireReader reader)
    {
        var ids = new string[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < ids.Length; i++)
            ids[i] = reader.ReadString();
        reader.SkipTags();
        return ids;
    }

    public static void Write(WireWriter writer, IReadOnlyList<TransactionInfo> transactions)
    {
        writer.WriteInt32(0);
        writer.WriteArrayLength(transactions.Count);
        foreach (TransactionInfo transaction in transactions)
        {
            writer.WriteError(transaction.Error);
            writer.WriteString(transaction.Id);
            writer.WriteString(transaction.State);
            writer.WriteInt32(transaction.TimeoutMs);
            writer.WriteInt64(transaction.StartedAt);
            writer.WriteInt64(transaction.ProducerId);
            writer.WriteInt16(transaction.Epoch);
            writer.WriteArrayLength(transaction.Topics.Count);
            foreach (TopicPartitions topic in transaction.Topics)
            {
                writer.WriteString(topic.Name);
                writer.WriteArrayLength(topic.Partitions.Length);
                foreach (int partition in topic.Partitions)
                    writer.WriteInt32(partition);
                writer.WriteTags();
            }

            writer.WriteTags();
        }

        writer.WriteTags();
    }

    /// <param name="StartedAt">Unix ms of the open transaction, -1 when there is none.</param>
    public sealed record TransactionInfo(
        ErrorCode Error, string Id, string State, int TimeoutMs, long StartedAt, long ProducerId, short Epoch, IReadOnlyList<TopicPartitions> Topics)
    {
        public static TransactionInfo Unknown(ErrorCode error, string id) => new(error, id, "", 0, 0, 0, 0, []);
    }
}
