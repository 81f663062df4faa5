namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>DeleteTopics, key 20, versions 1-3.</summary>
internal static class Key20DeleteTopics
{
    public static readonly ApiRange Range = new(ApiKey.DeleteTopics, 1, 3, 4);

    public static string[] Read(ref WireReader reader)
    {
        var names = new string[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < names.Length; i++)
            names[i] = reader.ReadString();
        reader.ReadInt32();
        return names;
    }

    public static void Write(WireWriter writer, IReadOnlyList<(string Name, ErrorCode Error)> topics)
    {
        writer.WriteInt32(0);
        writer.WriteArrayLength(topics.Count);
        foreach ((string name, ErrorCode error) in topics)
        {
            writer.WriteString(name);
            writer.WriteError(error);
        }
    }
}
