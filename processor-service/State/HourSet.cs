using Tally.ProcessorService.State.Runs;
using Tally.Shared.Sketches;

namespace Tally.ProcessorService.State;

/// <summary>What is known of a hash that comes along.</summary>
public enum Seen
{
    New,
    Known,

    /// <summary>It may rest on disk; it is new or known once the set is settled.</summary>
    Unsettled,

    /// <summary>It came before and is unsettled since.</summary>
    UnsettledBefore,
}

/// <summary>
/// The users or the ids of one hour: in memory as a whole, or, after it was evicted, on disk but for the newest. Then a filter tells at
/// once of nearly every new hash that it is new; the others wait to be looked up together.
/// </summary>
public sealed class HourSet(long number, StateBudget? budget, RunStore? runs) : IDisposable
{
    private readonly DistinctSet _inMemory = new(budget);
    private readonly HashList? _unsaved = runs is null ? null : new HashList(budget);
    private DistinctSet? _unsettled;
    private bool _isComplete = true;

    /// <summary>Its number on disk.</summary>
    public long Number => number;

    public int Count => _isComplete ? _inMemory.Count : Saved + _inMemory.Count;

    /// <summary>Hashes that rest in runs.</summary>
    public int Saved { get; private set; }

    /// <summary>Hashes that do not rest in runs yet.</summary>
    public int Unsaved => _isComplete ? _unsaved?.Count ?? 0 : _inMemory.Count;

    public int UnsettledCount => _unsettled?.Count ?? 0;

    /// <summary>Bytes that evicting would free.</summary>
    public long Bytes => _inMemory.Bytes + (_unsaved?.Bytes ?? 0);

    /// <summary>Look-ups on disk since the set was evicted.</summary>
    public long Misses { get; private set; }

    public bool IsComplete => _isComplete;

    public Seen Add(UInt128 hash)
    {
        if (_isComplete)
        {
            if (!_inMemory.Add(hash)) return Seen.Known;
            _unsaved?.Add(hash);
            return Seen.New;
        }
        if (_inMemory.Contains(hash)) return Seen.Known;
        // Before the filters are asked again: a merge makes new ones, which may call new what the old ones made wait.
        if (_unsettled?.Contains(hash) == true) return Seen.UnsettledBefore;
        if (runs!.MayContain(number, hash))
        {
            (_unsettled ??= new DistinctSet(budget)).Add(hash);
            return Seen.Unsettled;
        }
        _inMemory.Add(hash);
        return Seen.New;
    }

    /// <summary>Whether the hash is in memory; of a set that is there as a whole, whether it is in the set.</summary>
    public bool Contains(UInt128 hash) => _inMemory.Contains(hash);

    /// <summary>Looks all unsettled hashes up, in one sweep over the runs.</summary>
    /// <param name="isNew">Told of each that is in the set only now.</param>
    public void Settle(Action<UInt128>? isNew)
    {
        if (_unsettled is not { Count: > 0 } unsettled) return;
        var hashes = new UInt128[unsettled.Count];
        unsettled.CopyTo(hashes);
        unsettled.Clear();
        hashes.AsSpan().Sort();
        Misses += hashes.Length;
        var found = new bool[hashes.Length];
        runs!.Find(number, hashes, found);
        for (var i = 0; i < hashes.Length; i++)
        {
            if (found[i]) continue;
            _inMemory.Add(hashes[i]);
            isNew?.Invoke(hashes[i]);
        }
    }

    /// <summary>A sketch of the whole set; of an evicted one that reads the disk. Nothing may be unsettled.</summary>
    public HyperLogLog Sketch()
    {
        var sketch = Count > HyperLogLog.SparseMax ? HyperLogLog.WithRegisters() : new HyperLogLog();
        _inMemory.AddTo(sketch);
        if (_isComplete) return sketch;
        foreach (var hash in runs!.Read(number)) sketch.Add(hash);
        return sketch;
    }

    /// <summary>Copies what does not rest in runs yet, ascending.</summary>
    /// <param name="to">Grown as needed.</param>
    public ReadOnlySpan<UInt128> SortUnsaved(ref UInt128[] to)
    {
        var count = Unsaved;
        if (to.Length < count) to = new UInt128[Math.Max(count, to.Length * 2)];
        if (_isComplete) _unsaved!.Items.CopyTo(to);
        else _inMemory.CopyTo(to);
        var hashes = to.AsSpan(0, count);
        hashes.Sort();
        return hashes;
    }

    /// <summary>All of it rests in runs now.</summary>
    public void MarkSaved()
    {
        Saved += Unsaved;
        _unsaved?.Clear();
        if (!_isComplete) _inMemory.Clear();
    }

    /// <summary>Frees the memory. Everything must be saved.</summary>
    public void Evict()
    {
        if (Saved == 0 && _isComplete) return;
        _inMemory.Clear();
        _isComplete = false;
        Misses = 0;
    }

    /// <summary>Bytes that the set takes as a whole in memory.</summary>
    public long BytesWhenComplete => Count * 22L;

    /// <summary>Reads the whole set back into memory. Nothing may be unsettled.</summary>
    public void Load()
    {
        if (_isComplete) return;
        var unsaved = new UInt128[_inMemory.Count];
        _inMemory.CopyTo(unsaved);
        foreach (var hash in unsaved) _unsaved!.Add(hash);
        _inMemory.Reserve(Count);
        foreach (var hash in runs!.Read(number)) _inMemory.Add(hash);
        _isComplete = true;
    }

    /// <summary>Begins as it was saved: nothing in memory.</summary>
    public void BeginOnDisk(int saved)
    {
        Saved = saved;
        _isComplete = saved == 0;
    }

    /// <summary>Gives all memory back.</summary>
    public void Dispose()
    {
        _inMemory.Dispose();
        _unsaved?.Dispose();
        _unsettled?.Dispose();
    }
}
