using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.State.Runs;

namespace Tally.ProcessorService.State;

/// <summary>The hours of one partition with their folder: runs that hold what is cold, and the newest snapshot.</summary>
public sealed partial class LocalHours : ILocalState, IDisposable
{
    /// <summary>Files that only the snapshot keeps, as a part of those in use, and a sum that is always fine.</summary>
    private const int PinnedPart = 8;
    private const long PinnedFine = 4 << 20;

    private readonly StateStore _store;
    private readonly string _folder;
    private string? _directory;
    private RunStore? _runs;
    private long _snapshotAt;
    private bool _toldNoSnapshot;

    internal LocalHours(StateStore store, string folder)
    {
        (_store, _folder) = (store, folder);
        _snapshotAt = store.Clock.GetTimestamp();
        Hours = new PartitionHours();
    }

    public PartitionHours Hours { get; private set; }

    public long FileBytes => (_runs?.FileBytes ?? 0) + (_runs?.PinnedBytes ?? 0);

    /// <summary>Bytes beyond those of runs in use: of the newest snapshot alone, and of merges under way.</summary>
    public long SpareBytes => (_runs?.PinnedBytes ?? 0) + (_runs?.MergingBytes ?? 0);

    public bool IsSnapshotDue =>
        _store.Clock.GetElapsedTime(_snapshotAt) >= _store.SnapshotInterval
        || _runs is { } runs && (runs.WaitsForSnapshot || (runs.PinnedBytes > PinnedFine && runs.PinnedBytes > runs.FileBytes / PinnedPart));

    public SnapshotMark? Load()
    {
        var directory = _directory ??= Path.Combine(_store.Directory(), _folder);
        Begin(directory);
        if (_store.Distrusted.Contains(directory)) return null;
        try
        {
            _store.Files.CreateDirectory(directory);
            var mark = Read(directory);
            RemoveStrays(directory, mark is not null);
            return mark;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FileNotFoundException or ArgumentException or Google.Protobuf.InvalidProtocolBufferException)
        {
            Discard(e.Message);
            return null;
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            throw Unusable(e);
        }
    }

    public void Discard(string why)
    {
        Refused(_store.Logger, _directory!, why);
        Forget();
        Begin(_directory!);
        if (_store.Distrusted.Contains(_directory!)) return;
        try
        {
            RemoveStrays(_directory!, false);
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            throw Unusable(e);
        }
    }

    public void TakeSnapshot(SnapshotMark mark)
    {
        _snapshotAt = _store.Clock.GetTimestamp();
        try
        {
            Hours.SaveAll();
            Snapshot.Write(_store.Files, _directory!, mark, Hours, _runs!);
            _runs!.PinAll();
            _store.Distrusted.Remove(_directory!);
            _toldNoSnapshot = false;
        }
        catch (InvalidDataException e)
        {
            throw Damaged(e);
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            // The one before still stands, and counting does not need it.
            if (!_toldNoSnapshot) NoSnapshot(_store.Logger, _directory!, e.Message);
            _toldNoSnapshot = true;
        }
    }

    /// <summary>Moves hours out of memory.</summary>
    /// <exception cref="LocalStateException">The disk takes nothing more.</exception>
    public void Evict(bool all) => Guard(() => Hours.Evict(all));

    /// <summary>Does what needs the disk.</summary>
    /// <exception cref="LocalStateException">It is damaged or away.</exception>
    public void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (InvalidDataException e)
        {
            throw Damaged(e);
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            throw Unusable(e);
        }
    }

    public void Dispose()
    {
        Hours.Dispose();
        _store.Closed(this);
    }

    private static bool IsOfDisk(Exception e) => e is IOException or UnauthorizedAccessException;

    private void Begin(string directory)
    {
        Hours.Dispose();
        _runs = new RunStore(_store.Files, directory, _store.Budget, _store.Worker, _store.LeafHashes, _store.MayMerge);
        Hours = new PartitionHours(_store.Budget, _runs);
    }

    private SnapshotMark? Read(string directory)
    {
        if (Snapshot.Read(_store.Files, directory, _store.Budget, _runs!) is not { } snapshot) return null;
        foreach (var hour in snapshot.Hours) Hours.Add(hour);
        foreach (var (first, bits) in snapshot.Dropped.Pages) Hours.Dropped.Add(first, bits);
        _runs!.Load(snapshot.Leaves, set => Hours.All.ContainsKey(set >> 1));
        var saved = snapshot.Hours.Sum(hour => (long)hour.Users.Saved + hour.Ids.Saved);
        var alive = _runs.Leaves.Sum(leaf => leaf.Runs.Sum(run => (long)run.Count - run.Dead));
        if (saved != alive) throw new InvalidDataException($"The runs of the snapshot hold {alive} hashes instead of {saved}.");
        return snapshot.Mark;
    }

    /// <summary>What no snapshot names was written after it, or for a merge that never ended.</summary>
    private void RemoveStrays(string directory, bool keepSnapshot)
    {
        var kept = _runs!.Leaves.SelectMany(leaf => leaf.Runs).Select(run => run.Name).ToHashSet();
        if (keepSnapshot) kept.Add(Snapshot.FileName);
        foreach (var name in _store.Files.List(directory).Where(name => !kept.Contains(name))) _store.Files.Delete(Path.Combine(directory, name));
    }

    private LocalStateException Damaged(Exception e)
    {
        Forget();
        return new LocalStateException($"Local state in {_directory} is damaged ({e.Message.TrimEnd('.')}).", e);
    }

    private LocalStateException Unusable(Exception e) =>
        new($"Local state in {_directory} cannot be used ({e.Message.TrimEnd('.')}): check State:Directory for space and rights.", e);

    /// <summary>So that the next session does not begin with what was just found wrong.</summary>
    private void Forget()
    {
        try
        {
            _store.Files.Delete(Path.Combine(_directory!, Snapshot.FileName));
        }
        catch (Exception e) when (IsOfDisk(e))
        {
            _store.Distrusted.Add(_directory!);
        }
    }

    [LoggerMessage(EventId = 3201, Level = LogLevel.Warning, Message = "Local state in {Directory} is not used: {Why} It is restored from the changelog")]
    private static partial void Refused(ILogger logger, string directory, string why);

    [LoggerMessage(EventId = 3202, Level = LogLevel.Warning,
        Message = "No snapshot could be written to {Directory}: {Why} Counting goes on; a restart would restore from the changelog. Free space or mend State:Directory")]
    private static partial void NoSnapshot(ILogger logger, string directory, string why);
}
