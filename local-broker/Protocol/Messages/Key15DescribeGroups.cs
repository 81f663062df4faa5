namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>DescribeGroups, key 15, versions 0-4. v3 authorized operations, v4 static members. An unknown group is shown as Dead, without an error.</summary>
internal static class Key15DescribeGroups
{
    private const int NoOperations = int.MinValue;
    public static readonly ApiRange Range = new(ApiKey.DescribeGroups, 0, 4, 5);

    public static string[] Read(ref WireReader reader, short version)
    {
        var groups = new string[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < groups.Length; i++)
            groups[i] = reader.ReadString();
        if (version >= 3)
            reader.ReadBoolean();
        return groups;
    }

    public static void Write(WireWriter writer, short version, IReadOnlyList<GroupInfo> groups)
    {
        if (version >= 1)
            writer.WriteInt32(0);
        writer.WriteArrayLength(groups.Count);
        foreach (GroupInfo group in groups)
        {
            writer.WriteError(group.Error);
            writer.WriteString(group.Id);
            writer.WriteString(group.State);
            writer.WriteString(group.ProtocolType);
            writer.WriteString(group.Protocol);
            writer.WriteArrayLength(group.Members.Count);
            foreach (MemberInfo member in group.Members)
                WriteMember(writer, version, member);
            if (version >= 3)
                writer.WriteInt32(NoOperations);
        }
    }

    private static void WriteMember(WireWriter writer, short version, MemberInfo member)
    {
        writer.WriteString(member.Id);
        if (version >= 4)
            writer.WriteString(member.Instance);
        writer.WriteString(member.ClientId);
        writer.WriteString(member.ClientHost);
        writer.WriteBytes(member.Metadata);
        writer.WriteBytes(member.Assignment);
    }

    public sealed record MemberInfo(string Id, string? Instance, string ClientId, string ClientHost, byte[] Metadata, byte[] Assignment);

    public sealed record GroupInfo(ErrorCode Error, string Id, string State, string ProtocolType, string Protocol, IReadOnlyList<MemberInfo> Members);
}
