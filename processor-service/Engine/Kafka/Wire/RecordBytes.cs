using System.Runtime.CompilerServices;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>Numbers and bytes inside a record: lengths are zigzag varints, -1 stands for null.</summary>
/// <param name="data">Ends where the batch ends.</param>
/// <param name="position">Where to begin.</param>
internal ref struct RecordBytes(ReadOnlySpan<byte> data, int position)
{
    private readonly ReadOnlySpan<byte> _data = data;

    public int Position { get; private set; } = position;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int VarInt()
    {
        var value = VarLong();
        return value == (int)value ? (int)value : throw Damaged();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long VarLong()
    {
        var at = Position;
        if ((uint)at >= (uint)_data.Length) throw Damaged();
        ulong raw = _data[at];
        Position = at + 1;
        if (raw > 0x7f) raw = Longer(raw & 0x7f);
        return (long)(raw >> 1) ^ -(long)(raw & 1);
    }

    public void Skip(int length) => Take(length);

    /// <param name="length">At least 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ReadOnlySpan<byte> Take(int length)
    {
        var at = Position;
        if ((uint)length > (uint)(_data.Length - at)) throw Damaged();
        Position = at + length;
        return _data.Slice(at, length);
    }

    private ulong Longer(ulong value)
    {
        for (var shift = 7; shift < 70; shift += 7)
        {
            if ((uint)Position >= (uint)_data.Length) break;
            ulong next = _data[Position++];
            value |= (next & 0x7f) << shift;
            if (next <= 0x7f) return value;
        }
        throw Damaged();
    }

    private static DamagedAnswerException Damaged() => new("a record ends behind its batch");
}
