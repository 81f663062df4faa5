using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Tally.LocalBroker.Protocol;

/// <summary>Writes Kafka's primitives into one pooled, growing buffer. Whoever holds it last disposes it.</summary>
internal sealed class WireWriter(int capacity = 512) : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(capacity);

    public int Length { get; private set; }

    public bool Flexible { get; set; }

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    public void Dispose()
    {
        byte[] buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }

    public void WriteInt8(sbyte value) => Take(1)[0] = (byte)value;

    public void WriteBoolean(bool value) => Take(1)[0] = value ? (byte)1 : (byte)0;

    public void WriteInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(Take(2), value);

    public void WriteError(ErrorCode value) => WriteInt16((short)value);

    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Take(4), value);

    public void WriteUInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Take(4), value);

    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(Take(8), value);

    public void WriteUnsignedVarInt(uint value)
    {
        while (value >= 0x80)
        {
            Take(1)[0] = (byte)(value | 0x80);
            value >>= 7;
        }

        Take(1)[0] = (byte)value;
    }

    public void WriteVarInt(int value) => WriteUnsignedVarInt((uint)((value << 1) ^ (value >> 31)));

    public void WriteVarLong(long value)
    {
        ulong raw = (ulong)((value << 1) ^ (value >> 63));
        while (raw >= 0x80)
        {
            Take(1)[0] = (byte)(raw | 0x80);
            raw >>= 7;
        }

        Take(1)[0] = (byte)raw;
    }

    public void WriteString(string? value)
    {
        int length = value is null ? -1 : Encoding.UTF8.GetByteCount(value);
        if (Flexible)
            WriteUnsignedVarInt((uint)(length + 1));
        else
            WriteInt16(checked((short)length));
        if (length > 0)
            Encoding.UTF8.GetBytes(value!, Take(length));
    }

    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        if (Flexible)
            WriteUnsignedVarInt((uint)(value.Length + 1));
        else
            WriteInt32(value.Length);
        WriteRaw(value);
    }

    public void WriteArrayLength(int count)
    {
        if (Flexible)
            WriteUnsignedVarInt((uint)(count + 1));
        else
            WriteInt32(count);
    }

    public void WriteRaw(ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

    /// <summary>An empty section of tagged fields, where the version is flexible.</summary>
    public void WriteTags()
    {
        if (Flexible)
            Take(1)[0] = 0;
    }

    /// <summary>Room for a length that is known only later; see <see cref="PatchInt32"/>.</summary>
    public int ReserveInt32()
    {
        int at = Length;
        WriteInt32(0);
        return at;
    }

    public void PatchInt32(int at, int value) => BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(at, 4), value);

    /// <summary>Free space of at least <paramref name="count"/> bytes behind what is written; it counts only after <see cref="Advance"/>.</summary>
    public Span<byte> GetSpan(int count)
    {
        Ensure(count);
        return _buffer.AsSpan(Length);
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - Length);
        Length += count;
    }

    /// <summary>Takes back everything behind <paramref name="length"/>.</summary>
    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    private Span<byte> Take(int count)
    {
        Ensure(count);
        Span<byte> taken = _buffer.AsSpan(Length, count);
        Length += count;
        return taken;
    }

    private void Ensure(int count)
    {
        if (_buffer.Length - Length >= count)
            return;
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, checked(Length + count)));
        _buffer.AsSpan(0, Length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
