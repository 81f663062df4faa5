using System.Buffers.Binary;
using System.Text;

namespace Tally.Tests.Support.Wire;

/// <summary>A response body read by hand. Reading past its end fails, and so does ending before it (<see cref="End"/>).</summary>
public sealed class WireAnswer(byte[] bytes, bool flexible)
{
    private int _at;

    public sbyte Int8() => (sbyte)Take(1)[0];

    public bool Bool() => Int8() != 0;

    public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public string? Text()
    {
        int length = flexible ? (int)UnsignedVarInt() - 1 : Int16();
        return length < 0 ? null : Encoding.UTF8.GetString(Take(length));
    }

    public byte[] Bytes()
    {
        int length = Length();
        return length < 0 ? [] : Take(length).ToArray();
    }

    /// <summary>Null for a null array.</summary>
    public List<T>? NullableArray<T>(Func<T> read)
    {
        int count = Length();
        if (count < 0)
            return null;
        var items = new List<T>();
        for (; count > 0; count--)
            items.Add(read());
        return items;
    }

    public List<T> Array<T>(Func<T> read) => NullableArray(read) ?? [];

    public List<T> Structs<T>(Func<T> read) => Array(() =>
    {
        T item = read();
        Tags();
        return item;
    });

    public WireAnswer Tags()
    {
        if (!flexible)
            return this;
        for (uint left = UnsignedVarInt(); left > 0; left--)
        {
            UnsignedVarInt();
            Take((int)UnsignedVarInt());
        }

        return this;
    }

    /// <summary>The end of the body: nothing may be left.</summary>
    public void End()
    {
        Tags();
        Assert.That(bytes.Length - _at, Is.Zero, "bytes are left behind the answer");
    }

    private int Length() => flexible ? (int)UnsignedVarInt() - 1 : Int32();

    private uint UnsignedVarInt()
    {
        uint value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = Take(1)[0];
            value |= (uint)(next & 0x7f) << shift;
            if (next < 0x80)
                return value;
        }
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        Assert.That(count, Is.InRange(0, bytes.Length - _at), "the answer ends inside a field");
        _at += count;
        return bytes.AsSpan(_at - count, count);
    }
}
