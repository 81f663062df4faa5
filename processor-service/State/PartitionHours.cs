using Tally.ProcessorService.State.Runs;

namespace Tally.ProcessorService.State;

/// <summary>All hours of one input partition: in memory as long as the budget lasts, on disk where they are cold.</summary>
public sealed class PartitionHours(StateBudget? budget = null, RunStore? runs = null) : IDisposable
{
    /// <summary>An hour that takes this many times its share of the events by its memory stays there.</summary>
    private const int HotDensity = 4;

    /// <summary>A set on disk is read back once this part of it was looked up there.</summary>
    private const int LoadAtPart = 16;

    private readonly Dictionary<long, HourState> _hours = [];
    private readonly List<HourState> _unsettledUsers = [];
    private readonly List<HourState> _unsettledIds = [];
    private UInt128[] _sorted = [];

    public IReadOnlyDictionary<long, HourState> All => _hours;

    /// <summary>Hours that are known no more.</summary>
    public DroppedHours Dropped { get; } = new();

    /// <summary>Hours of which the changelog that was read lacks a chunk.</summary>
    public HashSet<long> Incomplete { get; } = [];

    /// <summary>Bytes that evicting everything would free.</summary>
    public long EvictableBytes { get; private set; }

    /// <summary>Hashes that wait to be looked up on disk.</summary>
    public bool HasUnsettled => _unsettledUsers.Count + _unsettledIds.Count > 0;

    /// <summary>How many, about.</summary>
    public int UnsettledCount { get; private set; }

    public HourState Get(long hour)
    {
        if (!_hours.TryGetValue(hour, out var state)) _hours.Add(hour, state = new HourState(hour, budget, runs));
        return state;
    }

    /// <summary>Takes an hour over from a snapshot.</summary>
    public void Add(HourState hour) => _hours.Add(hour.Hour, hour);

    /// <summary>Forgets hours for good.</summary>
    public void Drop(IReadOnlyCollection<long> hours)
    {
        if (hours.Count == 0) return;
        foreach (var hour in hours)
        {
            // Of an hour that was dropped compaction may have left some chunks.
            Incomplete.Remove(hour);
            if (!_hours.Remove(hour, out var state)) continue;
            state.Dispose();
            _unsettledUsers.Remove(state);
            _unsettledIds.Remove(state);
        }
        runs?.Forget([.. hours.SelectMany<long, long>(hour => [hour * 2, (hour * 2) + 1])]);
    }

    public Seen AddUser(HourState hour, UInt128 user)
    {
        var seen = hour.AddUser(user);
        if (seen == Seen.Unsettled) Note(hour, hour.Users, _unsettledUsers);
        return seen;
    }

    public Seen AddId(HourState hour, UInt128 id)
    {
        var seen = hour.AddId(id);
        if (seen == Seen.Unsettled) Note(hour, hour.Ids, _unsettledIds);
        return seen;
    }

    /// <summary>Takes hashes of the changelog, which has them already.</summary>
    public void Restore(HourState hour, ReadOnlySpan<UInt128> users, ReadOnlySpan<UInt128> ids)
    {
        foreach (var user in users)
            if (hour.Users.Add(user) == Seen.Unsettled) Note(hour, hour.Users, _unsettledUsers);
        foreach (var id in ids)
            if (hour.Ids.Add(id) == Seen.Unsettled) Note(hour, hour.Ids, _unsettledIds);
    }

    /// <summary>Looks up the ids that may rest on disk.</summary>
    /// <param name="restoring">They come from the changelog.</param>
    public void SettleIds(bool restoring)
    {
        InOrder(_unsettledIds);
        foreach (var hour in _unsettledIds) hour.Ids.Settle(restoring ? null : hour.TailIds.Add);
    }

    /// <summary>Looks up the users that may rest on disk.</summary>
    /// <param name="restoring">They come from the changelog.</param>
    public void SettleUsers(bool restoring)
    {
        InOrder(_unsettledUsers);
        foreach (var hour in _unsettledUsers) hour.Users.Settle(restoring ? null : hour.TailUsers.Add);
    }

    /// <summary>All look-ups are done: reads sets back that were looked up much, if there is room.</summary>
    public void Settled()
    {
        foreach (var hour in _unsettledIds) LoadIfHot(hour.Ids);
        foreach (var hour in _unsettledUsers) LoadIfHot(hour.Users);
        _unsettledIds.Clear();
        _unsettledUsers.Clear();
        UnsettledCount = 0;
    }

    /// <summary>Bytes that evicting would free now.</summary>
    public long CountEvictable() => EvictableBytes = _hours.Values.Sum(hour => hour.Bytes);

    /// <summary>Moves hours to disk, the hot ones only where <paramref name="all"/> says so.</summary>
    public void Evict(bool all)
    {
        var inMemory = _hours.Values.Where(hour => hour.Bytes > 0).ToList();
        var (bytes, heat) = (inMemory.Sum(hour => hour.Bytes), inMemory.Sum(hour => (long)hour.Heat));
        var room = bytes / 2;
        bool StaysIn(HourState hour) => !all && (double)hour.Heat * bytes > (double)HotDensity * heat * hour.Bytes && (room -= hour.Bytes) >= 0;
        var victims = inMemory.OrderByDescending(hour => hour.Heat).Where(hour => !StaysIn(hour)).ToList();
        foreach (var hour in _hours.Values) hour.Heat /= 4;
        Save(victims);
        foreach (var hour in victims)
        {
            hour.Users.Evict();
            hour.Ids.Evict();
            hour.LeaveOpenChunk();
        }
    }

    /// <summary>Writes all that does not rest in runs yet; what is in memory stays.</summary>
    public void SaveAll() => Save([.. _hours.Values]);

    public void Dispose()
    {
        foreach (var hour in _hours.Values) hour.Dispose();
        _hours.Clear();
        runs?.Dispose();
    }

    private void Save(List<HourState> hours)
    {
        var sets = hours.SelectMany<HourState, HourSet>(hour => [hour.Users, hour.Ids]).Where(set => set.Unsaved > 0).OrderBy(set => set.Number).ToList();
        using var save = runs!.BeginSave([.. sets.Select(set => (set.Number, set.Unsaved))]);
        foreach (var set in sets) save.Add(set.Number, set.SortUnsaved(ref _sorted));
        save.Finish();
        foreach (var set in sets) set.MarkSaved();
        if (_sorted.Length > 1 << 16) _sorted = [];
        runs.Maintain();
    }

    private void Note(HourState hour, HourSet set, List<HourState> unsettled)
    {
        UnsettledCount++;
        if (set.UnsettledCount == 1) unsettled.Add(hour);
    }

    private void LoadIfHot(HourSet set)
    {
        if (set.IsComplete || set.Misses * LoadAtPart < set.Saved) return;
        if (budget is not null && budget.Used + set.BytesWhenComplete > budget.Limit / 2) return;
        set.Load();
    }

    private static void InOrder(List<HourState> hours) => hours.Sort((a, b) => a.Hour.CompareTo(b.Hour));
}
