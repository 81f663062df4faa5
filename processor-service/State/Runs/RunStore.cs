using Tally.ProcessorService.State.Files;

namespace Tally.ProcessorService.State.Runs;

/// <summary>
/// The hashes of one partition that rest on disk. They lie in leaves, ranges of their order, each with a few runs: what is saved becomes
/// a new run in each leaf it touches, runs of a leaf are merged in the background, and a leaf that became large is split. So no merge
/// ever needs more than a leaf's worth of extra disk. Files of the newest snapshot stay until the next one.
/// </summary>
public sealed partial class RunStore : IDisposable
{
    public const string FileEnding = ".run";

    private readonly IStateFiles _files;
    private readonly string _directory;
    private readonly StateBudget _budget;
    private readonly IStateWorker _worker;
    private readonly int _splitAt;
    private readonly Func<long, bool> _mayMerge;
    private readonly List<Leaf> _leaves = [new(RunKey.Least)];
    private readonly RunSearch _search = new();
    private readonly HashSet<string> _pinned = [];
    private readonly HashSet<long> _dead = [];
    private long _sequence;

    /// <param name="files">The disk.</param>
    /// <param name="directory">A folder that is nobody else's.</param>
    /// <param name="budget">What indexes and filters are counted in.</param>
    /// <param name="worker">Who merges.</param>
    /// <param name="splitAt">Most hashes of a leaf, about.</param>
    /// <param name="mayMerge">Whether a merge may take so many bytes of disk for a while.</param>
    public RunStore(
        IStateFiles files, string directory, StateBudget budget, IStateWorker worker, int splitAt = 1 << 20, Func<long, bool>? mayMerge = null)
    {
        _mayMerge = mayMerge ?? (_ => true);
        (_files, _directory, _budget, _worker, _splitAt) = (files, directory, budget, worker, splitAt);
    }

    public IReadOnlyList<Leaf> Leaves => _leaves;

    /// <summary>Bytes of all runs in use.</summary>
    public long FileBytes { get; private set; }

    /// <summary>Bytes of files that only the newest snapshot still needs.</summary>
    public long PinnedBytes { get; private set; }

    /// <summary>A merge waits for disk that only the newest snapshot still needs.</summary>
    public bool WaitsForSnapshot { get; private set; }

    /// <summary>Bytes that merges under way are writing.</summary>
    public long MergingBytes => _leaves.Sum(leaf => leaf.Merge?.Inputs.Sum(run => run.FileBytes) ?? 0);

    /// <summary>Blocks read to answer whether a hash is there.</summary>
    public long BlocksRead => _search.BlocksRead;

    /// <summary>Goes on with the runs of a snapshot.</summary>
    /// <exception cref="InvalidDataException">One of them is missing, damaged or another than the snapshot was made of.</exception>
    /// <param name="leaves">What the snapshot says.</param>
    /// <param name="isAlive">Whether somebody needs a set.</param>
    public void Load(IEnumerable<(RunKey Low, IReadOnlyList<(string Name, uint FileCrc)> Runs)> leaves, Func<long, bool> isAlive)
    {
        _leaves.Clear();
        foreach (var (low, runs) in leaves)
        {
            var leaf = new Leaf(low);
            _leaves.Add(leaf);
            foreach (var (name, crc) in runs)
            {
                var run = new Run(_files, _directory, name);
                Count(run, 1);
                leaf.Runs.Add(run);
                _pinned.Add(name);
                _sequence = Math.Max(_sequence, SequenceOf(name));
                if (run.Index.FileCrc != crc) throw new InvalidDataException($"{name} is not the file the snapshot was made of.");
                _dead.UnionWith(run.Index.Sets.Where(set => !isAlive(set)));
                run.Dead = DeadIn(run);
            }
        }
        if (_leaves.Count == 0) _leaves.Add(new Leaf(RunKey.Least));
    }

    /// <returns>False when no run holds the hash.</returns>
    public bool MayContain(long set, UInt128 hash)
    {
        foreach (var run in _leaves[LeafOf(new RunKey(set, hash))].Runs)
            if (run.MayContain(set, hash)) return true;
        return false;
    }

    /// <summary>Finds which of the hashes are there.</summary>
    /// <param name="set">Their set.</param>
    /// <param name="hashes">Ascending.</param>
    /// <param name="found">Filled in.</param>
    public void Find(long set, ReadOnlySpan<UInt128> hashes, Span<bool> found)
    {
        found.Clear();
        while (hashes.Length > 0)
        {
            var at = LeafOf(new RunKey(set, hashes[0]));
            var count = hashes.Length;
            if (at + 1 < _leaves.Count && _leaves[at + 1].Low is var next && next.Set <= set)
            {
                count = hashes.BinarySearch(next.Hash);
                if (count < 0) count = ~count;
            }
            foreach (var run in _leaves[at].Runs) _search.Find(run, set, hashes[..count], found[..count]);
            hashes = hashes[count..];
            found = found[count..];
        }
    }

    /// <summary>Nobody needs these sets any more: their hashes go with the next merges, and runs of nothing else at once.</summary>
    public void Forget(IReadOnlyCollection<long> sets)
    {
        _dead.UnionWith(sets);
        foreach (var leaf in _leaves)
        {
            foreach (var run in leaf.Runs.ToArray())
            {
                foreach (var set in sets)
                {
                    var (from, to) = run.Index.Range(set);
                    run.Dead += to - from;
                }
                if (run.Dead < run.Count || leaf.Merge?.Inputs.Contains(run) == true) continue;
                leaf.Runs.Remove(run);
                Drop(run);
            }
        }
    }

    /// <summary>All hashes of a set, in no order.</summary>
    public IEnumerable<UInt128> Read(long set)
    {
        for (var at = LeafOf(new RunKey(set, UInt128.Zero)); at < _leaves.Count && _leaves[at].Low.Set <= set; at++)
        {
            foreach (var run in _leaves[at].Runs)
            {
                var (from, to) = run.Index.Range(set);
                if (from == to) continue;
                var cursor = new RunCursor(run, from, to);
                while (cursor.Next()) yield return cursor.Hash;
            }
        }
    }

    /// <summary>Begins to save hashes that no run holds.</summary>
    /// <param name="counts">How many of each set will come, in the order of the sets.</param>
    public RunSave BeginSave(IReadOnlyList<(long Set, int Count)> counts) => new(this, counts);

    /// <summary>The newest snapshot now consists of the runs there are: what only the one before needed is removed.</summary>
    public void PinAll()
    {
        var now = _leaves.SelectMany(leaf => leaf.Runs).Select(run => run.Name).ToHashSet();
        foreach (var name in _pinned.Where(name => !now.Contains(name))) Delete(name);
        _pinned.Clear();
        _pinned.UnionWith(now);
        PinnedBytes = 0;
        WaitsForSnapshot = false;
    }

    public void Dispose()
    {
        foreach (var leaf in _leaves)
        {
            if (leaf.Merge is { } merge)
            {
                merge.Cancel();
                merge.Wait();
                merge.Discard();
                merge.Dispose();
            }
            foreach (var run in leaf.Runs)
            {
                Count(run, -1);
                run.Dispose();
            }
        }
        _leaves.Clear();
    }

    internal int LeafOf(RunKey key)
    {
        var (low, high) = (0, _leaves.Count - 1);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (_leaves[middle].Low <= key) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    internal RunWriter NewWriter(long expected, out string name)
    {
        name = NewName();
        return new RunWriter(_files, PathOf(name), expected);
    }

    /// <summary>Takes over what was written, all or nothing.</summary>
    internal void Add(IReadOnlyList<(Leaf Leaf, string Name, RunIndex Index)> written)
    {
        var runs = new List<Run>();
        try
        {
            foreach (var (_, name, index) in written) runs.Add(new Run(_files, _directory, name, index));
        }
        catch
        {
            foreach (var run in runs) run.Dispose();
            throw;
        }
        for (var i = 0; i < runs.Count; i++)
        {
            Count(runs[i], 1);
            written[i].Leaf.Runs.Add(runs[i]);
        }
    }

    private void Drop(Run run)
    {
        Count(run, -1);
        if (_pinned.Contains(run.Name)) PinnedBytes += run.FileBytes;
        run.Dispose();
        if (!_pinned.Contains(run.Name)) Delete(run.Name);
    }

    /// <summary>Sets may have died while it was made.</summary>
    private int DeadIn(Run run) => run.Index.Sets.Where(_dead.Contains).Sum(set => run.Index.Range(set) is var (from, to) ? to - from : 0);

    private void Count(Run run, int sign)
    {
        _budget.Take(sign * run.Index.Bytes);
        FileBytes += sign * run.FileBytes;
    }

    private void Delete(string name)
    {
        try
        {
            _files.Delete(PathOf(name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next start removes what no snapshot names.
        }
    }

    private string PathOf(string name) => Path.Combine(_directory, name);

    private string NewName() => $"{++_sequence:D10}{FileEnding}";

    private static long SequenceOf(string name) =>
        long.TryParse(name.AsSpan(0, Math.Max(0, name.Length - FileEnding.Length)), System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : 0;
}
