using System.Buffers.Binary;
using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage.Cleaning;

/// <summary>
/// Writes a batch anew with some of its records. Offsets stay: the batch keeps its range, the records their deltas. With a delete horizon (KIP-534) the
/// base timestamp says until when tombstones and empty markers stay, and the records' timestamps are counted from there.
/// </summary>
internal static class BatchRewriter
{
    private const short CodecMask = 0x07;
    private const short HorizonFlag = 0x40;

    /// <param name="batch">The batch as stored.</param>
    /// <param name="records">Its records, unpacked.</param>
    /// <param name="kept">Which of them stay, in order.</param>
    /// <param name="horizon">Delete horizon to set, or null to leave the base timestamp as it is.</param>
    public static byte[] Rewrite(ReadOnlySpan<byte> batch, ReadOnlySpan<byte> records, IReadOnlyList<RecordPart> kept, long? horizon)
    {
        BatchHeader header = BatchHeader.Read(batch);
        long baseTimestamp = horizon ?? header.BaseTimestamp;
        using var writer = new WireWriter(batch.Length + 64);
        writer.WriteRaw(batch[..RecordBatch.HeaderSize]);
        using var body = new WireWriter(256);
        foreach (RecordPart record in kept)
        {
            body.Truncate(0);
            WriteRecord(body, records[record.Whole], header.BaseTimestamp + record.TimestampDelta - baseTimestamp);
            writer.WriteVarInt(body.Length);
            writer.WriteRaw(body.Written.Span);
        }

        byte[] rewritten = writer.Written.ToArray();
        Span<byte> b = rewritten;
        BinaryPrimitives.WriteInt32BigEndian(b[8..], rewritten.Length - RecordBatch.LogOverhead);
        var attributes = (short)(header.Attributes & ~CodecMask);
        BinaryPrimitives.WriteInt16BigEndian(b[RecordBatch.AttributesOffset..], horizon is null ? attributes : (short)(attributes | HorizonFlag));
        BinaryPrimitives.WriteInt64BigEndian(b[27..], baseTimestamp);
        BinaryPrimitives.WriteInt32BigEndian(b[57..], kept.Count);
        BinaryPrimitives.WriteUInt32BigEndian(b[RecordBatch.CrcOffset..], Crc32C.Of(b[RecordBatch.AttributesOffset..]));
        return rewritten;
    }

    // Only the timestamp's delta changes; everything behind it is copied.
    private static void WriteRecord(WireWriter body, ReadOnlySpan<byte> record, long timestampDelta)
    {
        var reader = new WireReader(record);
        reader.ReadVarInt();
        body.WriteInt8(reader.ReadInt8());
        reader.ReadVarLong();
        body.WriteVarLong(timestampDelta);
        body.WriteRaw(reader.Take(reader.Remaining));
    }
}
