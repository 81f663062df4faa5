using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.State.Files;
using Tally.ProcessorService.State.Runs;
using Tally.Shared.Hosting;

namespace Tally.ProcessorService.State;

/// <summary>The state of all partitions of this process: one budget, one folder, one thread that merges.</summary>
public sealed class StateStore : IDisposable
{
    /// <summary>Folders tried before it is given up: a frozen predecessor of the same name may still hold the first.</summary>
    private const int FoldersTried = 4;

    private const long YoungBytes = 32 << 20;
    private const int CollectionsToWhole = 8;

    private const int SparePart = 4;
    private const long SpareFine = 8 << 20;

    private readonly StateOptions _options;
    private readonly string _name;
    private readonly List<LocalHours> _partitions = [];
    private IDisposable? _lock;
    private string? _directory;
    private long _collectedAt;
    private int _collections;

    /// <param name="options">Budget and folder.</param>
    /// <param name="name">Name of this process slot: a folder below the configured one.</param>
    /// <param name="files">The disk.</param>
    /// <param name="worker">Who merges.</param>
    /// <param name="clock">Paces snapshots.</param>
    /// <param name="logger">Hears of what had to be rebuilt.</param>
    /// <param name="leafHashes">Most hashes of a leaf, about: what a merge needs of extra disk.</param>
    public StateStore(
        StateOptions options, string name, IStateFiles files, IStateWorker worker, TimeProvider clock, ILogger logger, int leafHashes = 1 << 20)
    {
        LeafHashes = leafHashes;
        (_options, _name, Files, Worker, Clock, Logger) = (options, name, files, worker, clock, logger);
        Budget = new StateBudget(options.MemoryBudget);
        NativeHeap.GiveBack();
        StateMetrics.Observe(this);
    }

    public StateBudget Budget { get; }
    public TimeSpan SnapshotInterval => _options.SnapshotInterval;
    internal int LeafHashes { get; }
    internal IStateFiles Files { get; }
    internal IStateWorker Worker { get; }
    internal TimeProvider Clock { get; }
    internal ILogger Logger { get; }

    /// <summary>Bytes of all runs and of those that only snapshots still need.</summary>
    public long FileBytes => _partitions.ToArray().Sum(partition => partition.FileBytes);

    /// <summary>Folders whose snapshot proved wrong and could not be removed.</summary>
    internal HashSet<string> Distrusted { get; } = [];

    public LocalHours Open(string job, int partition)
    {
        var hours = new LocalHours(this, Path.Combine(job, $"partition-{partition}"));
        _partitions.Add(hours);
        return hours;
    }

    /// <summary>
    /// Collects young garbage more often than the collector would: it sizes its youngest generation by the processor's cache, which on
    /// a large machine alone is as much as the budget.
    /// </summary>
    public void CollectYoung()
    {
        var allocated = GC.GetTotalAllocatedBytes();
        if (allocated - _collectedAt < YoungBytes) return;
        _collectedAt = allocated;
        // Sorted copies and indexes of runs are large objects, which only a whole collection looks at; what lives is little.
        if (++_collections % CollectionsToWhole == 0) GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        else GC.Collect(1, GCCollectionMode.Forced, blocking: true);
    }

    /// <summary>Makes room when the budget is used up.</summary>
    /// <exception cref="LocalStateException">The disk takes nothing more.</exception>
    public void Relieve()
    {
        if (!Budget.IsExceeded && !Budget.IsPressed) return;
        var goal = Budget.Limit / 8 * 7;
        for (var tries = 0; Budget.Used > goal && tries < 2 * _partitions.Count; tries++)
        {
            var largest = _partitions.MaxBy(partition => partition.Hours.CountEvictable())!;
            var before = largest.Hours.EvictableBytes;
            if (before == 0) break;
            largest.Evict(all: false);
            // Where hot hours are all there is, they must go as well.
            if (largest.Hours.CountEvictable() > before / 4 * 3) largest.Evict(all: true);
        }
        Budget.Relieved();
        NativeHeap.GiveBack();
    }

    public void Dispose()
    {
        foreach (var partition in _partitions.ToArray()) partition.Dispose();
        _lock?.Dispose();
        (Worker as IDisposable)?.Dispose();
    }

    /// <summary>Merging and snapshots together may take a quarter more disk than state itself.</summary>
    internal bool MayMerge(long bytes) =>
        _partitions.Sum(partition => partition.SpareBytes) + bytes <= SpareFine + (_partitions.Sum(partition => partition.FileBytes) / SparePart);

    internal void Closed(LocalHours partition) => _partitions.Remove(partition);

    /// <summary>The folder of this process slot, taken at the first need.</summary>
    /// <exception cref="ConfigurationException">It cannot be used.</exception>
    internal string Directory()
    {
        if (_directory is not null) return _directory;
        Exception? last = null;
        for (var n = 1; n <= FoldersTried; n++)
        {
            var directory = Path.Combine(_options.Directory, n == 1 ? _name : $"{_name}.{n}");
            try
            {
                Files.CreateDirectory(directory);
                _lock = Files.Lock(directory);
                return _directory = directory;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                last = e;
            }
        }
        throw new ConfigurationException(
            $"State:Directory {_options.Directory} cannot be used ({last!.Message.TrimEnd('.')}): name a folder this process may write to, or leave it "
            + "empty to keep all state in memory.", last);
    }
}
