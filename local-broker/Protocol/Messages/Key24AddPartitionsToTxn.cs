namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>AddPartitionsToTxn, key 24, versions 0-1 (v4 is the form between brokers).</summary>
internal static class Key24AddPartitionsToTxn
{
    public static readonly ApiRange Range = new(ApiKey.AddPartitionsToTxn, 0, 1, 3);

    public static Request Read(ref WireReader reader) =>
        new(reader.ReadString(), reader.ReadInt64(), reader.ReadInt16(), TopicPartitions.ReadAll(ref reader));

    public static void Write(WireWriter writer, IReadOnlyCollection<TopicErrors> topics)
    {
        writer.WriteInt32(0);
        TopicErrors.WriteAll(writer, topics);
    }

    public sealed record Request(string TransactionalId, long ProducerId, short Epoch, TopicPartitions[] Topics);
}
