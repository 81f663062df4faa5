using System.Buffers.Binary;
using System.Text;

namespace Tally.LocalBroker.Protocol;

/// <summary>
/// Reads Kafka's primitives from one frame. It never reads past its span: whatever lengths a frame claims, the worst outcome is a
/// <see cref="MalformedRequestException"/>. With <see cref="Flexible"/> set, strings, bytes and arrays are read in their compact form (KIP-482).
/// </summary>
internal ref struct WireReader(ReadOnlySpan<byte> data)
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private readonly ReadOnlySpan<byte> _data = data;

    public int Position { get; private set; }

    public bool Flexible { get; set; }

    public readonly int Remaining => _data.Length - Position;

    public sbyte ReadInt8() => (sbyte)Take(1)[0];

    public bool ReadBoolean() => Take(1)[0] != 0;

    public short ReadInt16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int ReadInt32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long ReadInt64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public uint ReadUnsignedVarInt()
    {
        ulong value = ReadUnsignedVarLong(5);
        return value <= uint.MaxValue ? (uint)value : throw new MalformedRequestException("varint too long");
    }

    /// <summary>A zigzag varint, as inside records.</summary>
    public int ReadVarInt()
    {
        uint raw = ReadUnsignedVarInt();
        return (int)(raw >> 1) ^ -(int)(raw & 1);
    }

    /// <summary>A zigzag varlong, as inside records.</summary>
    public long ReadVarLong()
    {
        ulong raw = ReadUnsignedVarLong(10);
        return (long)(raw >> 1) ^ -(long)(raw & 1);
    }

    public string ReadString() => ReadNullableString() ?? throw new MalformedRequestException("null where a string is required");

    public string? ReadNullableString()
    {
        int length = Flexible ? ReadCompactLength() : ReadInt16();
        if (length < 0)
            return length == -1 ? null : throw new MalformedRequestException("negative string length");
        try
        {
            return StrictUtf8.GetString(Take(length));
        }
        catch (DecoderFallbackException e)
        {
            throw new MalformedRequestException("string is not UTF-8", e);
        }
    }

    public ReadOnlySpan<byte> ReadBytes() => Slice(ReadBytesRange() ?? throw new MalformedRequestException("null where bytes are required"));

    /// <summary>The place of a nullable byte field inside the frame, so that the caller can keep it without copying.</summary>
    public Range? ReadBytesRange()
    {
        int length = Flexible ? ReadCompactLength() : ReadInt32();
        if (length < 0)
            return length == -1 ? null : throw new MalformedRequestException("negative bytes length");
        int start = Position;
        Take(length);
        return start..Position;
    }

    public readonly ReadOnlySpan<byte> Slice(Range range) => _data[range];

    /// <summary>Number of elements, -1 for a null array. An element takes at least one byte, so a count above what is left cannot be honest.</summary>
    public int ReadArrayLength()
    {
        int count = Flexible ? ReadCompactLength() : ReadInt32();
        if (count < -1 || count > Remaining)
            throw new MalformedRequestException("impossible array length");
        return count;
    }

    /// <summary>Skips the tagged fields that end each structure of a flexible version; none of the versions offered needs one.</summary>
    public void SkipTags()
    {
        if (!Flexible)
            return;
        for (uint left = ReadUnsignedVarInt(); left > 0; left--)
        {
            ReadUnsignedVarInt();
            uint size = ReadUnsignedVarInt();
            Take(size <= int.MaxValue ? (int)size : throw new MalformedRequestException("tagged field too long"));
        }
    }

    public ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)Remaining)
            throw new MalformedRequestException("frame ends inside a field");
        ReadOnlySpan<byte> taken = _data.Slice(Position, count);
        Position += count;
        return taken;
    }

    private int ReadCompactLength()
    {
        uint raw = ReadUnsignedVarInt();
        return raw <= int.MaxValue ? (int)raw - 1 : throw new MalformedRequestException("compact length too long");
    }

    private ulong ReadUnsignedVarLong(int bytesMax)
    {
        ulong value = 0;
        for (int i = 0; i < bytesMax; i++)
        {
            byte next = Take(1)[0];
            value |= (ulong)(next & 0x7F) << (7 * i);
            if ((next & 0x80) == 0)
                return value;
        }

        throw new MalformedRequestException("varint too long");
    }
}
