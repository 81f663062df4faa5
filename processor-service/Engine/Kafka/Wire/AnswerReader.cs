using System.Buffers.Binary;
using System.Text;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>Reads an answer in the protocol's older form. Whatever its lengths claim, nothing beyond it is read.</summary>
/// <param name="data">The answer behind its length.</param>
internal ref struct AnswerReader(ReadOnlySpan<byte> data)
{
    private readonly ReadOnlySpan<byte> _data = data;

    public int Position { get; private set; }

    public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public bool Boolean() => Take(1)[0] != 0;

    /// <returns>Empty where it is null.</returns>
    public string String() => Encoding.UTF8.GetString(Take(Math.Max((short)0, Int16())));

    /// <returns>Number of elements, 0 where the array is null.</returns>
    /// <exception cref="DamagedAnswerException">More than the answer can hold.</exception>
    public int Count()
    {
        var count = Int32();
        return count <= _data.Length - Position ? Math.Max(0, count) : throw new DamagedAnswerException("an array is longer than the answer");
    }

    /// <summary>Passes an array of 32-bit numbers over.</summary>
    public void SkipInt32s() => Take(4 * Count());

    /// <summary>Passes bytes with their length in front over.</summary>
    /// <returns>How many there are, 0 where they are null; they begin at <see cref="Position"/> less this.</returns>
    public int SkipBytes()
    {
        var length = Math.Max(0, Int32());
        Take(length);
        return length;
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if ((uint)length > (uint)(_data.Length - Position)) throw new DamagedAnswerException("a field ends behind the answer");
        var taken = _data.Slice(Position, length);
        Position += length;
        return taken;
    }
}
