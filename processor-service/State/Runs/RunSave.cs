namespace Tally.ProcessorService.State.Runs;

/// <summary>Saves sets in their order, a new run in each leaf they touch: all of it or nothing.</summary>
public sealed class RunSave : IDisposable
{
    private readonly RunStore _store;
    private readonly IReadOnlyList<(long Set, int Count)> _counts;
    private readonly List<(Leaf Leaf, string Name, RunIndex Index)> _written = [];
    private int _countAt;
    private Leaf? _leaf;
    private RunKey? _end;
    private RunWriter? _writer;
    private string _name = "";

    internal RunSave(RunStore store, IReadOnlyList<(long Set, int Count)> counts)
    {
        (_store, _counts) = (store, counts);
    }

    /// <param name="set">Above those before.</param>
    /// <param name="hashes">Ascending; no run holds them.</param>
    public void Add(long set, ReadOnlySpan<UInt128> hashes)
    {
        while (hashes.Length > 0)
        {
            if (_leaf is null || (_end is { } end && end <= new RunKey(set, hashes[0]))) Enter(new RunKey(set, hashes[0]));
            var count = hashes.Length;
            if (_end is { } next && next.Set == set)
            {
                count = hashes.BinarySearch(next.Hash);
                if (count < 0) count = ~count;
            }
            foreach (var hash in hashes[..count]) _writer!.Append(set, hash);
            hashes = hashes[count..];
        }
    }

    /// <summary>Only now they are in the store.</summary>
    public void Finish()
    {
        Leave();
        _store.Add(_written);
        _written.Clear();
    }

    public void Dispose()
    {
        _writer?.Dispose();
        foreach (var (_, _, index) in _written) index.Dispose();
    }

    private void Enter(RunKey key)
    {
        Leave();
        _store.WaitForSplit(_store.Leaves[_store.LeafOf(key)]);
        var at = _store.LeafOf(key);
        _leaf = _store.Leaves[at];
        _end = at + 1 < _store.Leaves.Count ? _store.Leaves[at + 1].Low : null;
        _writer = _store.NewWriter(Expected(key.Set), out _name);
    }

    private void Leave()
    {
        if (_writer is not { } writer) return;
        _written.Add((_leaf!, _name, writer.Finish()));
        _writer = null;
        writer.Dispose();
    }

    private long Expected(long from)
    {
        while (_countAt < _counts.Count && _counts[_countAt].Set < from) _countAt++;
        var sum = 0L;
        for (var i = _countAt; i < _counts.Count && (_end is not { } end || _counts[i].Set <= end.Set); i++) sum += Share(_counts[i].Set, _counts[i].Count);
        return sum;
    }

    /// <summary>What of a set lies in the leaf, about: hashes are spread evenly.</summary>
    private long Share(long set, int count)
    {
        var from = _leaf!.Low.Set == set ? (double)_leaf.Low.Hash : 0;
        var to = _end is { } end && end.Set == set ? (double)end.Hash : (double)UInt128.MaxValue;
        return (long)(count * ((to - from) / (double)UInt128.MaxValue)) + 1;
    }
}
