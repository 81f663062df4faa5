using System.Buffers;
using Tally.Shared.Contracts;

namespace Tally.CommandService.Flows;

/// <summary>Writes flows one after the other as a <see cref="FlowArray"/>; a test holds it equal to the generated class.</summary>
public sealed class FlowWriter
{
    private const int MostBytes = 3 * (1 + 2 + FlowNames.BytesMax) + 3 * (1 + 10);
    private const byte FlowTag = 1 << 3 | 2;

    private readonly ArrayBufferWriter<byte> _array = new(4096);
    private readonly byte[] _flow = new byte[MostBytes];
    private int _length;
    private int _seen;

    public ReadOnlyMemory<byte> Written => _array.WrittenMemory;

    /// <summary>The first field that the flow in hand has not got; null when it is whole.</summary>
    public FlowField? Missing => Array.Find(FlowField.All, one => !Has(one));

    public bool Has(FlowField field) => (_seen & 1 << field.Number) != 0;

    public void Begin() => _length = _seen = 0;

    /// <param name="field">A name.</param>
    /// <param name="text">At most <see cref="FlowNames.BytesMax"/> bytes.</param>
    public void Take(FlowField field, ReadOnlySpan<byte> text)
    {
        _seen |= 1 << field.Number;
        _flow[_length++] = (byte)(field.Number << 3 | 2);
        _length += Varint(_flow.AsSpan(_length), (ulong)text.Length);
        text.CopyTo(_flow.AsSpan(_length));
        _length += text.Length;
    }

    public void Take(FlowField field, long number)
    {
        _seen |= 1 << field.Number;
        if (number == 0) return;
        _flow[_length++] = (byte)(field.Number << 3);
        _length += Varint(_flow.AsSpan(_length), (ulong)number);
    }

    public void End()
    {
        var to = _array.GetSpan(1 + 10 + _length);
        to[0] = FlowTag;
        var at = 1 + Varint(to[1..], (ulong)_length);
        _flow.AsSpan(0, _length).CopyTo(to[at..]);
        _array.Advance(at + _length);
    }

    private static int Varint(Span<byte> to, ulong value)
    {
        var at = 0;
        for (; value >= 0x80; value >>= 7) to[at++] = (byte)(value | 0x80);
        to[at++] = (byte)value;
        return at;
    }
}
