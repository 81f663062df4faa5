using Tally.MaterializerService.Feed;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>
/// What was read and not yet written. Values are absolute, so that of each key only the newest is kept; ranges remember that everything
/// between was read, so that a partition's progress never goes without the partials before it.
/// </summary>
public sealed class PendingBatch<T>(IPartialKind<T> kind, string topic, int capacity) where T : class
{
    private readonly Dictionary<int, Part> _parts = [];
    private readonly Dictionary<object, T> _partials = [];
    private readonly Dictionary<(int Generation, int Partition), Progress> _progress = [];

    /// <summary>Records read into it, those that newer ones replaced included.</summary>
    public int Records { get; private set; }

    public bool IsEmpty => Records == 0;

    public bool IsFull => Records >= capacity;

    /// <summary>True when a partition's position is known, so that its records can be taken.</summary>
    public bool Follows(int partition) => _parts.ContainsKey(partition);

    /// <summary>From now on records of the partition are taken from <paramref name="position"/> on; what it held of it is dropped.</summary>
    public void Follow(int partition, long position)
    {
        Forget(partition);
        _parts[partition] = new Part(position, position, 0);
    }

    /// <summary>Drops all of a partition; the store knows where to read again.</summary>
    public void Forget(int partition)
    {
        if (!_parts.Remove(partition, out var part)) return;
        Records -= part.Records;
        foreach (var key in _partials.Where(p => kind.Partition(p.Value) == partition).Select(p => p.Key).ToList()) _partials.Remove(key);
        foreach (var key in _progress.Keys.Where(k => k.Partition == partition).ToList()) _progress.Remove(key);
    }

    /// <summary>Takes a record; false when its partition is not followed or it was read before.</summary>
    public bool Take(FeedRecord record, PartialRecord<T> decoded)
    {
        if (!_parts.TryGetValue(record.Partition, out var part) || record.Offset < part.To) return false;
        _parts[record.Partition] = part with { To = record.Offset + 1, Records = part.Records + 1 };
        Records++;
        if (decoded.Partial is { } partial) Newer(_partials, kind.Identity(partial), partial, kind.NextOffset);
        if (decoded.Progress is { } progress) Newer(_progress, (progress.Generation, progress.Partition), progress, p => p.NextOffset);
        return true;
    }

    public SinkBatch<T> Build() => new(
        topic,
        [.. _parts.Where(p => p.Value.Records > 0).Select(p => new ReadRange(p.Key, p.Value.From, p.Value.To))],
        [.. _partials.Values],
        [.. _progress.Values]);

    /// <summary>All of it is in the store.</summary>
    public void Written()
    {
        foreach (var (partition, part) in _parts) _parts[partition] = new Part(part.To, part.To, 0);
        _partials.Clear();
        _progress.Clear();
        Records = 0;
    }

    private static void Newer<TKey, TValue>(Dictionary<TKey, TValue> held, TKey key, TValue value, Func<TValue, long> offset) where TKey : notnull
    {
        if (held.TryGetValue(key, out var before) && offset(before) > offset(value)) return;
        held[key] = value;
    }

    private readonly record struct Part(long From, long To, int Records);
}
