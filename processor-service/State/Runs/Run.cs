using System.Runtime.InteropServices;
using Tally.ProcessorService.State.Files;

namespace Tally.ProcessorService.State.Runs;

/// <summary>An immutable file of sorted hashes of many sets. Every block that is read is checked.</summary>
public sealed class Run : IDisposable
{
    private readonly IStateReader _file;

    public Run(IStateFiles files, string directory, string name, RunIndex? index = null)
    {
        Name = name;
        _file = files.Open(Path.Combine(directory, name));
        try
        {
            Index = index ?? RunIndex.Read(_file, name);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public string Name { get; }
    public RunIndex Index { get; }
    public int Count => Index.Count;
    public long FileBytes => _file.Length;

    /// <summary>Hashes of sets that nobody needs any more.</summary>
    public int Dead { get; set; }

    public bool MayContain(long set, UInt128 hash) => Index.Filter.MayContain(HashFilter.Key(set, hash));

    /// <summary>Reads whole blocks.</summary>
    /// <param name="block">Number of the first.</param>
    /// <param name="to">As many hashes as are wanted; what of it was filled is returned.</param>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public Span<UInt128> ReadBlocks(int block, Span<UInt128> to)
    {
        var first = block * RunFormat.BlockHashes;
        to = to[..Math.Min(to.Length, Count - first)];
        try
        {
            _file.Read((long)first * RunFormat.HashBytes, MemoryMarshal.AsBytes(to));
        }
        catch (EndOfStreamException e)
        {
            throw new InvalidDataException($"{Name} is damaged: it ends too early.", e);
        }
        for (var at = 0; at < to.Length; at += RunFormat.BlockHashes, block++)
        {
            var hashes = to.Slice(at, Math.Min(RunFormat.BlockHashes, to.Length - at));
            if (RunFormat.Crc(0, MemoryMarshal.AsBytes(hashes)) != Index.CrcOf(block)) throw new InvalidDataException($"{Name} is damaged in block {block}.");
        }
        return to;
    }

    public void Dispose()
    {
        _file.Dispose();
        Index.Dispose();
    }
}
