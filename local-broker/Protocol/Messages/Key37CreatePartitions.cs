namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>CreatePartitions, key 37, versions 0-1. The assignment to brokers is read and ignored: there is one broker.</summary>
internal static class Key37CreatePartitions
{
    public static readonly ApiRange Range = new(ApiKey.CreatePartitions, 0, 1, 2);

    public static Request Read(ref WireReader reader)
    {
        var topics = new (string, int)[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < topics.Length; i++)
        {
            topics[i] = (reader.ReadString(), reader.ReadInt32());
            for (int assignments = reader.ReadArrayLength(); assignments > 0; assignments--)
            {
                for (int brokers = reader.ReadArrayLength(); brokers > 0; brokers--)
                    reader.ReadInt32();
            }
        }

        reader.ReadInt32();
        return new Request(topics, reader.ReadBoolean());
    }

    public static void Write(WireWriter writer, IReadOnlyList<(string Name, ErrorCode Error, string? Message)> topics) =>
        Key19CreateTopics.Write(writer, topics);

    public sealed record Request((string Name, int Count)[] Topics, bool ValidateOnly);
}
