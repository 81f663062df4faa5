using System.Buffers.Binary;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>Head of a record batch (KIP-98).</summary>
/// <param name="data">At least <see cref="Bytes"/> long, or <see cref="BytesToMagic"/> for <see cref="Magic"/> and <see cref="Size"/> alone.</param>
internal readonly ref struct BatchHead(ReadOnlySpan<byte> data)
{
    public const int Bytes = 61;

    /// <summary>What every format begins with.</summary>
    public const int BytesToMagic = 17;

    private const int BytesBeforeLength = 12;

    private readonly ReadOnlySpan<byte> _data = data;

    public long BaseOffset => BinaryPrimitives.ReadInt64BigEndian(_data);

    /// <summary>Of the whole batch, head included.</summary>
    public int Size => BytesBeforeLength + BinaryPrimitives.ReadInt32BigEndian(_data[8..]);

    public byte Magic => _data[16];

    /// <summary>CRC-32C of what the producer wrote; what a broker changes is not in it.</summary>
    public uint Checksum => BinaryPrimitives.ReadUInt32BigEndian(_data[17..]);

    public bool IsCompressed => (Attributes & 0x07) != 0;

    /// <summary>All its records have the time at which it was appended.</summary>
    public bool HasAppendTime => (Attributes & 0x08) != 0;

    public bool IsTransactional => (Attributes & 0x10) != 0;

    public bool IsControl => (Attributes & 0x20) != 0;

    public long LastOffset => BaseOffset + BinaryPrimitives.ReadInt32BigEndian(_data[23..]);

    public long BaseTimestamp => BinaryPrimitives.ReadInt64BigEndian(_data[27..]);

    public long MaxTimestamp => BinaryPrimitives.ReadInt64BigEndian(_data[35..]);

    public long ProducerId => BinaryPrimitives.ReadInt64BigEndian(_data[43..]);

    public int Count => BinaryPrimitives.ReadInt32BigEndian(_data[57..]);

    private short Attributes => BinaryPrimitives.ReadInt16BigEndian(_data[21..]);
}
