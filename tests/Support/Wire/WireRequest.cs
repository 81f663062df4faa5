using System.Buffers.Binary;
using System.Text;

namespace Tally.Tests.Support.Wire;

/// <summary>
/// A request body written by hand, field by field, independent of the broker's own protocol classes. In a flexible version strings, bytes and arrays
/// take their compact form (KIP-482).
/// </summary>
public sealed class WireRequest(bool flexible)
{
    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => [.. _bytes];

    public WireRequest Int8(int value) => Raw([(byte)value]);

    public WireRequest Bool(bool value) => Int8(value ? 1 : 0);

    public WireRequest Int16(int value)
    {
        var b = new byte[2];
        BinaryPrimitives.WriteInt16BigEndian(b, (short)value);
        return Raw(b);
    }

    public WireRequest Int32(int value)
    {
        var b = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(b, value);
        return Raw(b);
    }

    public WireRequest Int64(long value)
    {
        var b = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(b, value);
        return Raw(b);
    }

    public WireRequest Text(string? value)
    {
        byte[]? utf8 = value is null ? null : Encoding.UTF8.GetBytes(value);
        if (!flexible)
            Int16(utf8?.Length ?? -1);
        else
            UnsignedVarInt((uint)((utf8?.Length ?? -1) + 1));
        return Raw(utf8 ?? []);
    }

    public WireRequest Bytes(byte[]? value)
    {
        Length(value?.Length ?? -1);
        return Raw(value ?? []);
    }

    /// <summary>An array of single fields; null is the null array.</summary>
    public WireRequest Array<T>(IReadOnlyCollection<T>? items, Action<T> write)
    {
        Length(items?.Count ?? -1);
        foreach (T item in items ?? [])
            write(item);
        return this;
    }

    /// <summary>An array of structures, each ended by its tagged fields where the version is flexible.</summary>
    public WireRequest Structs<T>(IReadOnlyCollection<T>? items, Action<T> write) => Array(items, item =>
    {
        write(item);
        Tags();
    });

    /// <summary>No tagged fields, where the version is flexible.</summary>
    public WireRequest Tags() => flexible ? Raw([0]) : this;

    public WireRequest Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    private void Length(int count)
    {
        if (flexible)
            UnsignedVarInt((uint)(count + 1));
        else
            Int32(count);
    }

    private void UnsignedVarInt(uint value)
    {
        for (; value >= 0x80; value >>= 7)
            Raw([(byte)(value | 0x80)]);
        Raw([(byte)value]);
    }
}
