using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>The flows of a <see cref="FlowArray"/>, read in place without objects, one after the other.</summary>
public ref struct FlowFields(ReadOnlySpan<byte> array)
{
    private const int FlowField = 1;
    private const int SrcAppField = 1, DestAppField = 2, VpcIdField = 3, BytesTxField = 4, BytesRxField = 5, HourField = 6;
    private const int Varint = 0, Fixed64 = 1, Length = 2, Fixed32 = 5;

    private ReadOnlySpan<byte> _rest = array;

    public ReadOnlySpan<byte> SrcApp { get; private set; }
    public ReadOnlySpan<byte> DestApp { get; private set; }
    public ReadOnlySpan<byte> VpcId { get; private set; }
    public long BytesTx { get; private set; }
    public long BytesRx { get; private set; }
    public long Hour { get; private set; }

    /// <summary>Goes to the next flow.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="InvalidDataException">The bytes are no such message.</exception>
    public bool Next()
    {
        while (!_rest.IsEmpty)
        {
            var tag = ReadTag(ref _rest);
            if (tag != (FlowField << 3 | Length))
            {
                Skip(ref _rest, tag);
                continue;
            }
            ReadFlow(ReadBytes(ref _rest));
            return true;
        }
        return false;
    }

    /// <returns>What is wrong with the flow as a sentence; null when it may be counted.</returns>
    public readonly string? Fault()
    {
        if (!FlowNames.IsValid(SrcApp)) return "src_app is no name of 1 to 256 bytes of UTF-8 without control characters.";
        if (!FlowNames.IsValid(DestApp)) return "dest_app is no name of 1 to 256 bytes of UTF-8 without control characters.";
        if (!FlowNames.IsValid(VpcId)) return "vpc_id is no name of 1 to 256 bytes of UTF-8 without control characters.";
        if (BytesTx < 0) return "bytes_tx is negative.";
        if (BytesRx < 0) return "bytes_rx is negative.";
        return Hour < 0 ? "hour is negative." : null;
    }

    private void ReadFlow(ReadOnlySpan<byte> flow)
    {
        SrcApp = DestApp = VpcId = default;
        BytesTx = BytesRx = Hour = 0;
        while (!flow.IsEmpty)
        {
            var tag = ReadTag(ref flow);
            switch (tag)
            {
                case SrcAppField << 3 | Length: SrcApp = ReadBytes(ref flow); break;
                case DestAppField << 3 | Length: DestApp = ReadBytes(ref flow); break;
                case VpcIdField << 3 | Length: VpcId = ReadBytes(ref flow); break;
                case BytesTxField << 3 | Varint: BytesTx = (long)ReadVarint(ref flow); break;
                case BytesRxField << 3 | Varint: BytesRx = (long)ReadVarint(ref flow); break;
                case HourField << 3 | Varint: Hour = (long)ReadVarint(ref flow); break;
                default: Skip(ref flow, tag); break;
            }
        }
    }

    private static void Skip(scoped ref ReadOnlySpan<byte> data, uint tag)
    {
        switch ((int)tag & 7)
        {
            case Varint: ReadVarint(ref data); break;
            case Length: ReadBytes(ref data); break;
            case Fixed64: Take(ref data, 8); break;
            case Fixed32: Take(ref data, 4); break;
            default: throw Damaged();
        }
    }

    // Bits beyond the 32nd are dropped, as the generated parser does.
    private static uint ReadTag(scoped ref ReadOnlySpan<byte> data) => (uint)ReadVarint(ref data) is var tag && tag >> 3 != 0 ? tag : throw Damaged();

    private static ReadOnlySpan<byte> ReadBytes(scoped ref ReadOnlySpan<byte> data) => Take(ref data, ReadVarint(ref data));

    private static ReadOnlySpan<byte> Take(scoped ref ReadOnlySpan<byte> data, ulong length)
    {
        if (length > (ulong)data.Length) throw Damaged();
        var bytes = data[..(int)length];
        data = data[(int)length..];
        return bytes;
    }

    private static ulong ReadVarint(scoped ref ReadOnlySpan<byte> data)
    {
        ulong value = 0;
        for (var i = 0; i < 10 && i < data.Length; i++)
        {
            value |= (ulong)(data[i] & 0x7f) << (7 * i);
            if (data[i] >= 0x80) continue;
            data = data[(i + 1)..];
            return value;
        }
        throw Damaged();
    }

    private static InvalidDataException Damaged() => new("The value is no array of flows.");
}
