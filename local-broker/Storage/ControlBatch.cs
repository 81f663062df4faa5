using System.Buffers.Binary;

namespace Tally.LocalBroker.Storage;

/// <summary>The marker that ends a transaction in a partition: a control batch with one record. It takes an offset of its own.</summary>
internal static class ControlBatch
{
    private const short TransactionalControl = 0x30;

    // Record: length, attributes, timestamp delta, offset delta, key length 4, key, value length 6, value, no headers (varints are zigzag).
    private const int RecordSize = 17;
    public const int Size = RecordBatch.HeaderSize + RecordSize;

    public static byte[] Marker(long producerId, short epoch, bool commit, long timestamp)
    {
        var batch = new byte[Size];
        Span<byte> b = batch;
        BinaryPrimitives.WriteInt32BigEndian(b[8..], Size - RecordBatch.LogOverhead);
        b[16] = 2;
        BinaryPrimitives.WriteInt16BigEndian(b[21..], TransactionalControl);
        BinaryPrimitives.WriteInt64BigEndian(b[27..], timestamp);
        BinaryPrimitives.WriteInt64BigEndian(b[35..], timestamp);
        BinaryPrimitives.WriteInt64BigEndian(b[43..], producerId);
        BinaryPrimitives.WriteInt16BigEndian(b[51..], epoch);
        BinaryPrimitives.WriteInt32BigEndian(b[53..], -1);
        BinaryPrimitives.WriteInt32BigEndian(b[57..], 1);
        Span<byte> record = b[RecordBatch.HeaderSize..];
        record[0] = (RecordSize - 1) << 1;
        record[4] = 4 << 1;
        record[8] = commit ? (byte)1 : (byte)0;
        record[9] = 6 << 1;
        BinaryPrimitives.WriteUInt32BigEndian(b[RecordBatch.CrcOffset..], Crc32C.Of(b[RecordBatch.AttributesOffset..]));
        return batch;
    }

    /// <summary>True for a commit marker, false for an abort marker. The batch must be a control batch.</summary>
    public static bool IsCommit(ReadOnlySpan<byte> batch) => batch.Length >= Size && batch[RecordBatch.HeaderSize + 8] == 1;
}
