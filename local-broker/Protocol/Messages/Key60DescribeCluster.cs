namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>DescribeCluster, key 60, versions 0-1. v1 tells brokers from controllers (KIP-919): asked for controllers, a node that is none of its own refuses.</summary>
internal static class Key60DescribeCluster
{
    public const sbyte Brokers = 1;
    private const int NoOperations = int.MinValue;
    public static readonly ApiRange Range = new(ApiKey.DescribeCluster, 0, 1, 0);

    /// <summary>The kind of nodes asked for.</summary>
    public static sbyte Read(ref WireReader reader, short version)
    {
        reader.ReadBoolean();
        sbyte kind = version >= 1 ? reader.ReadInt8() : Brokers;
        reader.SkipTags();
        return kind;
    }

    public static void Write(WireWriter writer, short version, Response response)
    {
        writer.WriteInt32(0);
        writer.WriteError(response.Error);
        writer.WriteString(response.Message);
        if (version >= 1)
            writer.WriteInt8(Brokers);
        bool known = response.Error == ErrorCode.None;
        writer.WriteString(known ? response.ClusterId : "");
        writer.WriteInt32(known ? response.NodeId : -1);
        writer.WriteArrayLength(known ? 1 : 0);
        if (known)
        {
            writer.WriteInt32(response.NodeId);
            writer.WriteString(response.Host);
            writer.WriteInt32(response.Port);
            writer.WriteString(null);
            writer.WriteTags();
        }

        writer.WriteInt32(NoOperations);
        writer.WriteTags();
    }

    public sealed record Response(ErrorCode Error, string? Message, string ClusterId, int NodeId, string Host, int Port);
}
