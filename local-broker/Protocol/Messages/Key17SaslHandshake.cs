namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>SaslHandshake, key 17, versions 0-1. After v0 the client sends its token bare, after v1 inside SaslAuthenticate (KIP-152).</summary>
internal static class Key17SaslHandshake
{
    public static readonly ApiRange Range = new(ApiKey.SaslHandshake, 0, 1, short.MaxValue);

    /// <summary>The mechanism asked for.</summary>
    public static string Read(ref WireReader reader) => reader.ReadString();

    public static void Write(WireWriter writer, ErrorCode error, string mechanism)
    {
        writer.WriteError(error);
        writer.WriteArrayLength(1);
        writer.WriteString(mechanism);
    }
}
