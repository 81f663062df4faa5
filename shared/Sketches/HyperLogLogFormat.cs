using System.Buffers;

namespace Tally.Shared.Sketches;

/// <summary>
/// A sketch as bytes (*format*): version 1, the form (0 sparse, 1 dense), then either the entries' differences as varints in ascending
/// order, or the 2^14 registers in 6 bits each, the first in the lowest bits.
/// </summary>
public static class HyperLogLogFormat
{
    private const byte Version = 1;
    private const byte Sparse = 0;
    private const byte Dense = 1;
    private const int DenseBytes = HyperLogLog.Registers / 4 * 3;

    // The longest run of zeros behind 14 bits of index, plus one.
    private const int GreatestRank = 64 - HyperLogLog.Precision + 1;
    private const int GreatestSparseRank = 64 - HyperLogLog.SparsePrecision + 1;

    public static byte[] Write(HyperLogLog sketch)
    {
        var to = new ArrayBufferWriter<byte>(sketch.IsSparse ? 2 + (sketch.Entries.Length * 5) : 2 + DenseBytes);
        to.Write([Version, sketch.IsSparse ? Sparse : Dense]);
        if (sketch.IsSparse) WriteEntries(sketch.Entries, to);
        else WriteRanks(sketch.Ranks, to);
        return to.WrittenSpan.ToArray();
    }

    /// <exception cref="InvalidDataException">The bytes are damaged, or of a newer version.</exception>
    public static HyperLogLog Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 2) throw Damaged();
        if (bytes[0] != Version) throw new InvalidDataException($"The sketch has version {bytes[0]}, which this program does not read: it reads {Version}.");
        return bytes[1] switch
        {
            Sparse => ReadEntries(bytes[2..]),
            Dense when bytes.Length == 2 + DenseBytes => ReadRanks(bytes[2..]),
            _ => throw Damaged(),
        };
    }

    private static void WriteEntries(ReadOnlySpan<uint> entries, ArrayBufferWriter<byte> to)
    {
        Span<byte> varint = stackalloc byte[5];
        uint before = 0;
        foreach (var entry in entries)
        {
            var length = 0;
            for (var rest = entry - before; ; rest >>= 7)
            {
                varint[length++] = (byte)(rest < 0x80 ? rest : rest | 0x80);
                if (rest < 0x80) break;
            }
            to.Write(varint[..length]);
            before = entry;
        }
    }

    private static HyperLogLog ReadEntries(ReadOnlySpan<byte> bytes)
    {
        var sketch = new HyperLogLog();
        ulong entry = 0;
        for (var count = 0; bytes.Length > 0; count++)
        {
            ulong difference = 0;
            for (var shift = 0; ; shift += 7)
            {
                if (bytes.Length == 0 || shift > 28) throw Damaged();
                var next = bytes[0];
                bytes = bytes[1..];
                difference |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80) break;
            }
            entry += difference;
            var rank = entry & ((1 << HyperLogLog.RankBits) - 1);
            if (difference == 0 || entry > uint.MaxValue || rank is 0 or > GreatestSparseRank || count == HyperLogLog.SparseMax) throw Damaged();
            sketch.AddEntry((uint)entry);
        }
        return sketch;
    }

    private static void WriteRanks(ReadOnlySpan<byte> ranks, ArrayBufferWriter<byte> to)
    {
        var bytes = to.GetSpan(DenseBytes);
        for (int i = 0, at = 0; i < ranks.Length; i += 4, at += 3)
        {
            var four = ranks[i] | (ranks[i + 1] << 6) | (ranks[i + 2] << 12) | (ranks[i + 3] << 18);
            (bytes[at], bytes[at + 1], bytes[at + 2]) = ((byte)four, (byte)(four >> 8), (byte)(four >> 16));
        }
        to.Advance(DenseBytes);
    }

    private static HyperLogLog ReadRanks(ReadOnlySpan<byte> bytes)
    {
        var ranks = new byte[HyperLogLog.Registers];
        for (int i = 0, at = 0; i < ranks.Length; i += 4, at += 3)
        {
            var four = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
            for (var j = 0; j < 4; j++)
                if ((ranks[i + j] = (byte)((four >> (6 * j)) & 63)) > GreatestRank) throw Damaged();
        }
        var sketch = new HyperLogLog();
        sketch.TakeRanks(ranks);
        return sketch;
    }

    private static InvalidDataException Damaged() => new("The sketch is damaged.");
}
