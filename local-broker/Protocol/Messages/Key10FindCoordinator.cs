namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>FindCoordinator, key 10, versions 0-2. v1 key type (0 group, 1 transactional id). The answer is always this node.</summary>
internal static class Key10FindCoordinator
{
    public static readonly ApiRange Range = new(ApiKey.FindCoordinator, 0, 2, 3);

    public static Request Read(ref WireReader reader, short version) => new(reader.ReadString(), version >= 1 ? reader.ReadInt8() : (sbyte)0);

    public static void Write(WireWriter writer, short version, ErrorCode error, int nodeId, string host, int port)
    {
        if (version >= 1)
            writer.WriteInt32(0);
        writer.WriteError(error);
        if (version >= 1)
            writer.WriteString(null);
        writer.WriteInt32(error == ErrorCode.None ? nodeId : -1);
        writer.WriteString(error == ErrorCode.None ? host : "");
        writer.WriteInt32(error == ErrorCode.None ? port : -1);
    }

    public readonly record struct Request(string Key, sbyte KeyType);
}
