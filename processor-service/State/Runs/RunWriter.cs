using System.Runtime.InteropServices;
using Tally.ProcessorService.State.Files;

namespace Tally.ProcessorService.State.Runs;

/// <summary>Writes one run, hash by hash in order. Not finished, it leaves a file that nobody will take for one.</summary>
public sealed class RunWriter : IDisposable
{
    private const int BufferedHashes = 32 * RunFormat.BlockHashes;

    private readonly IStateWriter _file;
    private readonly HashFilter _filter;
    private readonly UInt128[] _buffer = new UInt128[BufferedHashes];
    private readonly List<long> _sets = [];
    private readonly List<int> _starts = [];
    private readonly List<uint> _crcs = [];
    private readonly List<UInt128> _firsts = [];
    private int _buffered;

    /// <param name="files">Where to.</param>
    /// <param name="path">The file, made anew.</param>
    /// <param name="expected">Hashes it will hold at the most, about: the filter is made for so many.</param>
    public RunWriter(IStateFiles files, string path, long expected)
    {
        _filter = new HashFilter(expected);
        try
        {
            _file = files.Create(path);
        }
        catch
        {
            _filter.Dispose();
            throw;
        }
    }

    public int Count { get; private set; }

    /// <param name="set">Number of the set, not below the one before.</param>
    /// <param name="hash">Above the one before in the same set.</param>
    public void Append(long set, UInt128 hash)
    {
        if (_sets.Count == 0 || _sets[^1] != set)
        {
            _sets.Add(set);
            _starts.Add(Count);
        }
        _filter.Add(HashFilter.Key(set, hash));
        _buffer[_buffered++] = hash;
        Count++;
        if (_buffered == BufferedHashes) Flush();
    }

    /// <summary>Writes what is left and the index.</summary>
    /// <returns>What a reader of the file would find in its index; the filter is the reader's from now on.</returns>
    public RunIndex Finish()
    {
        Flush();
        var index = new RunIndex([.. _sets], [.. _starts], [.. _crcs], [.. _firsts], _filter, Count);
        var trailer = new RunFormat.Trailer
        {
            Magic = RunFormat.Magic,
            Version = RunFormat.Version,
            Count = Count,
            Sets = _sets.Count,
            FilterBytes = _filter.Bytes.Length,
            IndexCrc = index.Write(_file),
        };
        trailer.OwnCrc = trailer.Crc();
        index.FileCrc = trailer.OwnCrc;
        _file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<RunFormat.Trailer>(in trailer)));
        _finished = true;
        return index;
    }

    private bool _finished;

    public void Dispose()
    {
        _file.Dispose();
        if (!_finished) _filter.Dispose();
    }

    private void Flush()
    {
        for (var at = 0; at < _buffered; at += RunFormat.BlockHashes)
        {
            var block = _buffer.AsSpan(at, Math.Min(RunFormat.BlockHashes, _buffered - at));
            _crcs.Add(RunFormat.Crc(0, MemoryMarshal.AsBytes(block)));
            _firsts.Add(block[0]);
        }
        if (_buffered > 0) _file.Write(MemoryMarshal.AsBytes(_buffer.AsSpan(0, _buffered)));
        _buffered = 0;
    }
}
