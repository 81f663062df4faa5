namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>InitProducerId, key 22, versions 0-4. v2 flexible, v3 the current id and epoch (KIP-360), v4 PRODUCER_FENCED.</summary>
internal static class Key22InitProducerId
{
    public static readonly ApiRange Range = new(ApiKey.InitProducerId, 0, 4, 2);

    public static Request Read(ref WireReader reader, short version)
    {
        string? transactionalId = reader.ReadNullableString();
        int timeoutMs = reader.ReadInt32();
        return version >= 3
            ? new Request(transactionalId, timeoutMs, reader.ReadInt64(), reader.ReadInt16())
            : new Request(transactionalId, timeoutMs, -1, -1);
    }

    public static void Write(WireWriter writer, ErrorCode error, long producerId, short epoch)
    {
        writer.WriteInt32(0);
        writer.WriteError(error);
        writer.WriteInt64(producerId);
        writer.WriteInt16(epoch);
        writer.WriteTags();
    }

    public readonly record struct Request(string? TransactionalId, int TimeoutMs, long ProducerId, short Epoch);
}
