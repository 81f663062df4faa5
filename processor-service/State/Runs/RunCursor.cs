namespace Tally.ProcessorService.State.Runs;

/// <summary>Goes through a part of a run from hash to hash.</summary>
public sealed class RunCursor
{
    private const int AheadBlocks = 32;

    private readonly Run _run;
    private readonly UInt128[] _buffer;
    private readonly int _to;
    private readonly IReadOnlySet<long>? _skipped;
    private int _at;
    private int _bufferFrom;
    private int _bufferTo;
    private int _setTo;

    /// <param name="run">Must stay open.</param>
    /// <param name="from">Position of the first hash.</param>
    /// <param name="to">Position after the last one.</param>
    /// <param name="skipped">Sets that are passed over.</param>
    public RunCursor(Run run, int from, int to, IReadOnlySet<long>? skipped = null)
    {
        _run = run;
        _skipped = skipped;
        _at = from - 1;
        _to = to;
        _setTo = from;
        _buffer = new UInt128[Math.Min(AheadBlocks, RunFormat.Blocks(Math.Max(1, to - from)) + 1) * RunFormat.BlockHashes];
    }

    public long Set { get; private set; }

    public UInt128 Hash { get; private set; }

    /// <returns>False at the end.</returns>
    public bool Next()
    {
        _at++;
        while (_at >= _setTo && _at < _to)
        {
            (Set, _setTo) = _run.Index.SetAt(_at);
            if (_skipped?.Contains(Set) == true) _at = _setTo;
        }
        if (_at >= _to) return false;
        if (_at >= _bufferTo)
        {
            var block = _at / RunFormat.BlockHashes;
            _bufferFrom = block * RunFormat.BlockHashes;
            _bufferTo = _bufferFrom + _run.ReadBlocks(block, _buffer).Length;
        }
        Hash = _buffer[_at - _bufferFrom];
        return true;
    }

    /// <summary>Before the other in the order of runs.</summary>
    public bool IsBefore(RunCursor other) => Set < other.Set || (Set == other.Set && Hash < other.Hash);
}
