namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>ListGroups, key 16, versions 0-2. The request is empty.</summary>
internal static class Key16ListGroups
{
    public static readonly ApiRange Range = new(ApiKey.ListGroups, 0, 2, 3);

    public static void Write(WireWriter writer, short version, IReadOnlyList<(string Id, string ProtocolType)> groups)
    {
        if (version >= 1)
            writer.WriteInt32(0);
        writer.WriteError(ErrorCode.None);
        writer.WriteArrayLength(groups.Count);
        foreach ((string id, string protocolType) in groups)
        {
            writer.WriteString(id);
            writer.WriteString(protocolType);
        }
    }
}
