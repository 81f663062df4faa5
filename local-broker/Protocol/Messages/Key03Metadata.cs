namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>
/// Metadata, key 3, versions 0-8. v1 null array for all topics (v0: empty array), v2 cluster id, v4 automatic creation, v5 offline replicas,
/// v7 leader epoch, v8 authorized operations.
/// </summary>
internal static class Key03Metadata
{
    // "Not asked for", as Kafka answers where no authorizer gives a set of operations.
    private const int NoOperations = int.MinValue;
    public static readonly ApiRange Range = new(ApiKey.Metadata, 0, 8, 9);

    public static Request Read(ref WireReader reader, short version)
    {
        int count = reader.ReadArrayLength();
        string[]? names = count < 0 || (version == 0 && count == 0) ? null : new string[count];
        for (int i = 0; i < names?.Length; i++)
            names[i] = reader.ReadString();
        bool autoCreate = version < 4 || reader.ReadBoolean();
        if (version >= 8)
        {
            reader.ReadBoolean();
            reader.ReadBoolean();
        }

        return new Request(names, autoCreate);
    }

    public static void Write(WireWriter writer, short version, Response response)
    {
        if (version >= 3)
            writer.WriteInt32(0);
        writer.WriteArrayLength(1);
        writer.WriteInt32(response.NodeId);
        writer.WriteString(response.Host);
        writer.WriteInt32(response.Port);
        if (version >= 1)
            writer.WriteString(null);
        if (version >= 2)
            writer.WriteString(response.ClusterId);
        if (version >= 1)
            writer.WriteInt32(response.NodeId);
        writer.WriteArrayLength(response.Topics.Count);
        foreach (TopicInfo topic in response.Topics)
            WriteTopic(writer, version, response.NodeId, topic);
        if (version >= 8)
            writer.WriteInt32(NoOperations);
    }

    private static void WriteTopic(WireWriter writer, short version, int nodeId, TopicInfo topic)
    {
        writer.WriteError(topic.Error);
        writer.WriteString(topic.Name);
        if (version >= 1)
            writer.WriteBoolean(false);
        writer.WriteArrayLength(topic.PartitionCount);
        for (int i = 0; i < topic.PartitionCount; i++)
        {
            writer.WriteError(ErrorCode.None);
            writer.WriteInt32(i);
            writer.WriteInt32(nodeId);
            // A constant 0 is enough on one node; -1 would switch the clients' KIP-320 validation off.
            if (version >= 7)
                writer.WriteInt32(0);
            WriteNode(writer, nodeId);
            WriteNode(writer, nodeId);
            if (version >= 5)
                writer.WriteArrayLength(0);
        }

        if (version >= 8)
            writer.WriteInt32(NoOperations);
    }

    private static void WriteNode(WireWriter writer, int nodeId)
    {
        writer.WriteArrayLength(1);
        writer.WriteInt32(nodeId);
    }

    /// <param name="Names">Null asks for all topics.</param>
    /// <param name="AutoCreate">The client allows topics to be made on request.</param>
    public sealed record Request(string[]? Names, bool AutoCreate);

    public readonly record struct TopicInfo(string Name, ErrorCode Error, int PartitionCount);

    public sealed record Response(int NodeId, string Host, int Port, string ClusterId, IReadOnlyList<TopicInfo> Topics);
}
