namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>ListGroups, key 16, versions 0-5. v3 flexible, v4 filter by state (KIP-518), v5 by type (KIP-848): there are only classic groups.</summary>
internal static class Key16ListGroups
{
    public const string Classic = "classic";
    public static readonly ApiRange Range = new(ApiKey.ListGroups, 0, 5, 3);

    public static Request Read(ref WireReader reader, short version)
    {
        string[] states = version >= 4 ? ReadNames(ref reader) : [];
        string[] types = version >= 5 ? ReadNames(ref reader) : [];
        reader.SkipTags();
        return new Request(states, types);
    }

    public static void Write(WireWriter writer, short version, IReadOnlyList<(string Id, string ProtocolType, string State)> groups)
    {
        if (version >= 1)
            writer.WriteInt32(0);
        writer.WriteError(ErrorCode.None);
        writer.WriteArrayLength(groups.Count);
        foreach ((string id, string protocolType, string state) in groups)
        {
            writer.WriteString(id);
            writer.WriteString(protocolType);
            if (version >= 4)
                writer.WriteString(state);
            if (version >= 5)
                writer.WriteString(Classic);
            writer.WriteTags();
        }

        writer.WriteTags();
    }

    private static string[] ReadNames(ref WireReader reader)
    {
        var names = new string[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < names.Length; i++)
            names[i] = reader.ReadString();
        return names;
    }

    /// <summary>Empty asks for all; upper and lower case are the same.</summary>
    public sealed record Request(string[] States, string[] Types);
}
