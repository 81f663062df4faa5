namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>LeaveGroup, key 13, versions 0-3. v3 takes several members, also by instance id.</summary>
internal static class Key13LeaveGroup
{
    public static readonly ApiRange Range = new(ApiKey.LeaveGroup, 0, 3, 4);

    public static Request Read(ref WireReader reader, short version)
    {
        string group = reader.ReadString();
        if (version < 3)
            return new Request(group, [new Leaver(reader.ReadString(), null)]);
        var members = new Leaver[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < members.Length; i++)
            members[i] = new Leaver(reader.ReadString(), reader.ReadNullableString());
        return new Request(group, members);
    }

    public static void Write(WireWriter writer, short version, ErrorCode error, IReadOnlyList<(Leaver Member, ErrorCode Error)> members)
    {
        if (version >= 1)
            writer.WriteInt32(0);
        // Before v3 there is one member, and its error is the error.
        writer.WriteError(version < 3 && error == ErrorCode.None && members.Count > 0 ? members[0].Error : error);
        if (version < 3)
            return;
        writer.WriteArrayLength(members.Count);
        foreach ((Leaver member, ErrorCode memberError) in members)
        {
            writer.WriteString(member.Member);
            writer.WriteString(member.Instance);
            writer.WriteError(memberError);
        }
    }

    public readonly record struct Leaver(string Member, string? Instance);

    public sealed record Request(string Group, Leaver[] Members);
}
