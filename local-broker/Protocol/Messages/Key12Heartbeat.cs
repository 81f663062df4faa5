namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>Heartbeat, key 12, versions 0-3. v3 static members (KIP-345).</summary>
internal static class Key12Heartbeat
{
    public static readonly ApiRange Range = new(ApiKey.Heartbeat, 0, 3, 4);

    public static Request Read(ref WireReader reader, short version) =>
        new(reader.ReadString(), reader.ReadInt32(), reader.ReadString(), version >= 3 ? reader.ReadNullableString() : null);

    public static void Write(WireWriter writer, short version, ErrorCode error)
    {
        if (version >= 1)
            writer.WriteInt32(0);
        writer.WriteError(error);
    }

    public readonly record struct Request(string Group, int Generation, string Member, string? Instance);
}
