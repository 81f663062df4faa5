using System.Buffers.Binary;

namespace Tally.LocalBroker.Storage;

/// <summary>The fixed head of a record batch (format 2): field offsets as in Kafka's documentation of the format.</summary>
internal static class RecordBatch
{
    public const int HeaderSize = 61;

    // Offset and length: what stands before the bytes that the length counts.
    public const int LogOverhead = 12;
    public const int CrcOffset = 17;
    public const int AttributesOffset = 21;
    private const int MaxTimestampOffset = 35;
    private const short LogAppendTimeFlag = 0x08;

    public static int TotalSize(ReadOnlySpan<byte> head) => LogOverhead + BinaryPrimitives.ReadInt32BigEndian(head[8..]);

    /// <summary>Offset and leader epoch lie outside the CRC: a batch is placed without touching its records.</summary>
    public static void Place(Span<byte> batch, long baseOffset, int leaderEpoch)
    {
        BinaryPrimitives.WriteInt64BigEndian(batch, baseOffset);
        BinaryPrimitives.WriteInt32BigEndian(batch[12..], leaderEpoch);
    }

    public static void StampAppendTime(Span<byte> batch, long timestamp)
    {
        short attributes = BinaryPrimitives.ReadInt16BigEndian(batch[AttributesOffset..]);
        BinaryPrimitives.WriteInt16BigEndian(batch[AttributesOffset..], (short)(attributes | LogAppendTimeFlag));
        BinaryPrimitives.WriteInt64BigEndian(batch[MaxTimestampOffset..], timestamp);
        BinaryPrimitives.WriteUInt32BigEndian(batch[CrcOffset..], Crc32C.Of(batch[AttributesOffset..]));
    }

    public static bool IsCrcValid(ReadOnlySpan<byte> batch) =>
        BinaryPrimitives.ReadUInt32BigEndian(batch[CrcOffset..]) == Crc32C.Of(batch[AttributesOffset..]);
}
