using System.Numerics;
using System.Runtime.InteropServices;

namespace Tally.ProcessorService.State.Runs;

/// <summary>
/// A run on disk (format 1, little-endian): the hashes, 16 bytes each, sorted by (set, hash); then for each set its number and the
/// position of its first hash; for each block of 128 hashes a CRC-32C and its first hash; the filter; and a trailer of fixed length that
/// holds the counts, a CRC-32C of all between hashes and trailer, and one of itself. So whatever is read of it can be told from damage.
/// </summary>
public static class RunFormat
{
    public const uint Magic = 0x4c4c5452; // "RTLL"
    public const int Version = 1;
    public const int HashBytes = 16;
    public const int BlockHashes = 128;
    public const int BlockBytes = BlockHashes * HashBytes;

    /// <summary>The last bytes of a run.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    public struct Trailer
    {
        public uint Magic;
        public int Version;
        public int Count;
        public int Sets;
        public int FilterBytes;
        public uint IndexCrc;
        public uint OwnCrc;

        public readonly uint Crc()
        {
            var copy = this;
            copy.OwnCrc = 0;
            return RunFormat.Crc(0, MemoryMarshal.AsBytes(new ReadOnlySpan<Trailer>(in copy)));
        }
    }

    public static int Blocks(int count) => (count + BlockHashes - 1) / BlockHashes;

    /// <summary>Goes on with a CRC-32C.</summary>
    public static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words) crc = BitOperations.Crc32C(crc, word);
        foreach (var one in bytes[(words.Length * 8)..]) crc = BitOperations.Crc32C(crc, one);
        return ~crc;
    }
}
