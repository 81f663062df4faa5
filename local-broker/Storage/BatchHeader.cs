using System.Buffers.Binary;

namespace Tally.LocalBroker.Storage;

/// <summary>Compression of a batch's records, by its number in the attributes.</summary>
internal enum Codec
{
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}

/// <summary>The fields of a record batch's head.</summary>
internal readonly record struct BatchHeader(
    long BaseOffset,
    int Size,
    sbyte Magic,
    short Attributes,
    int LastOffsetDelta,
    long BaseTimestamp,
    long MaxTimestamp,
    long ProducerId,
    short ProducerEpoch,
    int BaseSequence,
    int Count)
{
    public long LastOffset => BaseOffset + LastOffsetDelta;

    public Codec Codec => (Codec)(Attributes & 0x07);

    public bool IsTransactional => (Attributes & 0x10) != 0;

    public bool IsControl => (Attributes & 0x20) != 0;

    public bool HasDeleteHorizon => (Attributes & 0x40) != 0;

    public bool HasProducer => ProducerId >= 0;

    /// <summary>Sequences count records and wrap from the largest int to 0.</summary>
    public int LastSequence => BaseSequence < 0 ? -1 : (int)(((long)BaseSequence + LastOffsetDelta) & int.MaxValue);

    public static BatchHeader Read(ReadOnlySpan<byte> data) => new(
        BinaryPrimitives.ReadInt64BigEndian(data),
        RecordBatch.TotalSize(data),
        (sbyte)data[16],
        BinaryPrimitives.ReadInt16BigEndian(data[21..]),
        BinaryPrimitives.ReadInt32BigEndian(data[23..]),
        BinaryPrimitives.ReadInt64BigEndian(data[27..]),
        BinaryPrimitives.ReadInt64BigEndian(data[35..]),
        BinaryPrimitives.ReadInt64BigEndian(data[43..]),
        BinaryPrimitives.ReadInt16BigEndian(data[51..]),
        BinaryPrimitives.ReadInt32BigEndian(data[53..]),
        BinaryPrimitives.ReadInt32BigEndian(data[57..]));

    /// <summary>
    /// A head that can start a batch of the stored log; the CRC is another matter. The leader epoch lies outside of it and is always stored as 0.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> data, out BatchHeader header)
    {
        header = default;
        if (data.Length < RecordBatch.HeaderSize)
            return false;
        header = Read(data);
        return BinaryPrimitives.ReadInt32BigEndian(data[12..]) == 0 && header is { Magic: 2, BaseOffset: >= 0, LastOffsetDelta: >= 0, Count: >= 0 }
            && header.Size >= RecordBatch.HeaderSize && BinaryPrimitives.ReadInt32BigEndian(data[8..]) > 0;
    }
}
