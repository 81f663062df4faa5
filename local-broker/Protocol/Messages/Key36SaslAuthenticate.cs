namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>SaslAuthenticate, key 36, versions 0-1. v1 tells how long the session lasts; here it lasts as long as the connection.</summary>
internal static class Key36SaslAuthenticate
{
    public static readonly ApiRange Range = new(ApiKey.SaslAuthenticate, 0, 1, 2);

    /// <summary>The client's token.</summary>
    public static byte[] Read(ref WireReader reader) => reader.ReadBytes().ToArray();

    public static void Write(WireWriter writer, short version, ErrorCode error, string? message)
    {
        writer.WriteError(error);
        writer.WriteString(message);
        writer.WriteBytes([]);
        if (version >= 1)
            writer.WriteInt64(0);
    }
}
