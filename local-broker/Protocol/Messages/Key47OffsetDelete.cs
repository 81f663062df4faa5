namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>OffsetDelete, key 47, version 0. Offsets of topics that a living group subscribes to are refused.</summary>
internal static class Key47OffsetDelete
{
    public static readonly ApiRange Range = new(ApiKey.OffsetDelete, 0, 0, 1);

    public static Request Read(ref WireReader reader) => new(reader.ReadString(), TopicPartitions.ReadAll(ref reader));

    public static void Write(WireWriter writer, ErrorCode error, IReadOnlyCollection<TopicErrors> topics)
    {
        writer.WriteError(error);
        writer.WriteInt32(0);
        TopicErrors.WriteAll(writer, topics);
    }

    public sealed record Request(string Group, TopicPartitions[] Topics);
}
