namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>EndTxn, key 26, versions 0-1.</summary>
internal static class Key26EndTxn
{
    public static readonly ApiRange Range = new(ApiKey.EndTxn, 0, 1, 3);

    public static Request Read(ref WireReader reader) => new(reader.ReadString(), reader.ReadInt64(), reader.ReadInt16(), reader.ReadBoolean());

    public static void Write(WireWriter writer, ErrorCode error)
    {
        writer.WriteInt32(0);
        writer.WriteError(error);
    }

    public readonly record struct Request(string TransactionalId, long ProducerId, short Epoch, bool Commit);
}
