namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>JoinGroup, key 11, versions 0-5. v1 rebalance time-out, v4 member id must be asked for first (KIP-394), v5 static members (KIP-345).</summary>
internal static class Key11JoinGroup
{
    public static readonly ApiRange Range = new(ApiKey.JoinGroup, 0, 5, 6);

    public static Request Read(ref WireReader reader, short version)
    {
        string group = reader.ReadString();
        int sessionTimeoutMs = reader.ReadInt32();
        int rebalanceTimeoutMs = version >= 1 ? reader.ReadInt32() : sessionTimeoutMs;
        string member = reader.ReadString();
        string? instance = version >= 5 ? reader.ReadNullableString() : null;
        string protocolType = reader.ReadString();
        var protocols = new Protocol[Math.Max(0, reader.ReadArrayLength())];
        for (int i = 0; i < protocols.Length; i++)
            protocols[i] = new Protocol(reader.ReadString(), reader.ReadBytes().ToArray());
        return new Request(group, sessionTimeoutMs, rebalanceTimeoutMs, member, instance, protocolType, protocols);
    }

    public static void Write(WireWriter writer, short version, Response response)
    {
        if (version >= 2)
            writer.WriteInt32(0);
        writer.WriteError(response.Error);
        writer.WriteInt32(response.Generation);
        writer.WriteString(response.ProtocolName);
        writer.WriteString(response.Leader);
        writer.WriteString(response.Member);
        writer.WriteArrayLength(response.Members.Count);
        foreach (MemberInfo member in response.Members)
        {
            writer.WriteString(member.Id);
            if (version >= 5)
                writer.WriteString(member.Instance);
            writer.WriteBytes(member.Metadata);
        }
    }

    public sealed record Protocol(string Name, byte[] Metadata);

    public sealed record Request(
        string Group, int SessionTimeoutMs, int RebalanceTimeoutMs, string Member, string? Instance, string ProtocolType, Protocol[] Protocols);

    public sealed record MemberInfo(string Id, string? Instance, byte[] Metadata);

    public sealed record Response(ErrorCode Error, int Generation, string ProtocolName, string Leader, string Member, IReadOnlyList<MemberInfo> Members)
    {
        public static Response Failed(ErrorCode error, string member) => new(error, -1, "", "", member, []);
    }
}
