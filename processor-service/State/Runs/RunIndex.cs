using System.Runtime.InteropServices;
using Tally.ProcessorService.State.Files;

namespace Tally.ProcessorService.State.Runs;

/// <summary>What is kept in memory of a run: where its sets begin, how each block begins and what its CRC is, the filter.</summary>
public sealed class RunIndex(long[] sets, int[] starts, uint[] crcs, UInt128[] firsts, HashFilter filter, int count) : IDisposable
{
    public int Count => count;
    public IReadOnlyList<long> Sets => sets;
    public HashFilter Filter => filter;

    /// <summary>CRC of the trailer, which covers the counts and the index: tells two runs apart.</summary>
    public uint FileCrc { get; set; }

    /// <summary>Bytes it takes in memory.</summary>
    public long Bytes => (sets.Length * 8L) + (starts.Length * 4L) + (crcs.Length * 20L) + filter.Bytes.Length + 200;

    public uint CrcOf(int block) => crcs[block];

    /// <returns>Positions of the first hash of a set and the one after its last; equal where it has none.</returns>
    public (int From, int To) Range(long set)
    {
        var at = Array.BinarySearch(sets, set);
        if (at < 0) return (0, 0);
        return (starts[at], at + 1 < starts.Length ? starts[at + 1] : count);
    }

    /// <returns>The set that the hash at <paramref name="position"/> belongs to, and where the next one begins.</returns>
    public (long Set, int To) SetAt(int position)
    {
        var at = Array.BinarySearch(starts, position);
        if (at < 0) at = ~at - 1;
        return (sets[at], at + 1 < starts.Length ? starts[at + 1] : count);
    }

    /// <summary>The only block between the positions that can hold <paramref name="hash"/>.</summary>
    public int BlockOf(UInt128 hash, int from, int to)
    {
        // The first block may begin in the set before: what it begins with tells nothing.
        var (low, high) = (from / RunFormat.BlockHashes, (to - 1) / RunFormat.BlockHashes);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (firsts[middle] <= hash) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    /// <returns>CRC of what was written.</returns>
    public uint Write(IStateWriter file)
    {
        var crc = 0u;
        Write(MemoryMarshal.AsBytes(sets.AsSpan()));
        Write(MemoryMarshal.AsBytes(starts.AsSpan()));
        Write(MemoryMarshal.AsBytes(crcs.AsSpan()));
        Write(MemoryMarshal.AsBytes(firsts.AsSpan()));
        Write(filter.Bytes);
        return crc;

        void Write(ReadOnlySpan<byte> bytes)
        {
            crc = RunFormat.Crc(crc, bytes);
            file.Write(bytes);
        }
    }

    /// <exception cref="InvalidDataException">The file is no run, or damaged, or of a newer version.</exception>
    public static RunIndex Read(IStateReader file, string name)
    {
        var trailer = default(RunFormat.Trailer);
        var own = MemoryMarshal.AsBytes(new Span<RunFormat.Trailer>(ref trailer));
        if (file.Length < own.Length) throw Damaged(name);
        file.Read(file.Length - own.Length, own);
        if (trailer.Magic != RunFormat.Magic || trailer.OwnCrc != trailer.Crc()) throw Damaged(name);
        if (trailer.Version != RunFormat.Version) throw new InvalidDataException($"{name} has format {trailer.Version}, this version reads {RunFormat.Version}.");
        var blocks = RunFormat.Blocks(trailer.Count);
        var indexBytes = (trailer.Sets * 12L) + (blocks * 20L) + trailer.FilterBytes;
        if (trailer.Count < 0 || trailer.Sets < 0 || !HashFilter.IsLength(trailer.FilterBytes)
            || file.Length != ((long)trailer.Count * RunFormat.HashBytes) + indexBytes + own.Length) throw Damaged(name);

        var (sets, starts, crcs, firsts) = (new long[trailer.Sets], new int[trailer.Sets], new uint[blocks], new UInt128[blocks]);
        var filter = HashFilter.OfBytes(trailer.FilterBytes);
        var at = (long)trailer.Count * RunFormat.HashBytes;
        var crc = 0u;
        Fill(MemoryMarshal.AsBytes(sets.AsSpan()));
        Fill(MemoryMarshal.AsBytes(starts.AsSpan()));
        Fill(MemoryMarshal.AsBytes(crcs.AsSpan()));
        Fill(MemoryMarshal.AsBytes(firsts.AsSpan()));
        Fill(filter.Bytes);
        if (crc == trailer.IndexCrc) return new RunIndex(sets, starts, crcs, firsts, filter, trailer.Count) { FileCrc = trailer.OwnCrc };
        filter.Dispose();
        throw Damaged(name);

        void Fill(Span<byte> bytes)
        {
            file.Read(at, bytes);
            at += bytes.Length;
            crc = RunFormat.Crc(crc, bytes);
        }
    }

    public void Dispose() => filter.Dispose();

    private static InvalidDataException Damaged(string name) => new($"{name} is damaged.");
}
