namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>DeleteGroups, key 42, versions 0-1.</summary>
internal static class Key42DeleteGroups
{
    public static readonly ApiRange Range = new(ApiKey.DeleteGroups, 0, 1, 2);

    public static string[] Read(ref WireReader reader)
    {
        var groups = new string[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < groups.Length; i++)
            groups[i] = reader.ReadString();
        return groups;
    }

    public static void Write(WireWriter writer, IReadOnlyList<(string Name, ErrorCode Error)> groups) => Key20DeleteTopics.Write(writer, groups);
}
