namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>SyncGroup, key 14, versions 0-3. v3 static members (KIP-345).</summary>
internal static class Key14SyncGroup
{
    public static readonly ApiRange Range = new(ApiKey.SyncGroup, 0, 3, 4);

    public static Request Read(ref WireReader reader, short version)
    {
        string group = reader.ReadString();
        int generation = reader.ReadInt32();
        string member = reader.ReadString();
        string? instance = version >= 3 ? reader.ReadNullableString() : null;
        int count = Math.Max(0, reader.ReadArrayLength());
        var assignments = new Dictionary<string, byte[]>(Math.Min(count, 1024));
        for (int i = 0; i < count; i++)
            assignments[reader.ReadString()] = reader.ReadBytes().ToArray();
        return new Request(group, generation, member, instance, assignments);
    }

    public static void Write(WireWriter writer, short version, Response response)
    {
        if (version >= 1)
            writer.WriteInt32(0);
        writer.WriteError(response.Error);
        writer.WriteBytes(response.Assignment);
    }

    public sealed record Request(string Group, int Generation, string Member, string? Instance, IReadOnlyDictionary<string, byte[]> Assignments);

    public sealed record Response(ErrorCode Error, byte[] Assignment)
    {
        public static Response Failed(ErrorCode error) => new(error, []);
    }
}
