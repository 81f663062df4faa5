namespace Tally.LocalBroker.Protocol.Messages;

/// <summary>AddOffsetsToTxn, key 25, versions 0-1.</summary>
internal static class Key25AddOffsetsToTxn
{
    public static readonly ApiRange Range = new(ApiKey.AddOffsetsToTxn, 0, 1, 3);

    public static Request Read(ref WireReader reader) => new(reader.ReadString(), reader.ReadInt64(), reader.ReadInt16(), reader.ReadString());

    public static void Write(WireWriter writer, ErrorCode error)
    {
        writer.WriteInt32(0);
        writer.WriteError(error);
    }

    public readonly record struct Request(string TransactionalId, long ProducerId, short Epoch, string Group);
}
