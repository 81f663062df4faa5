namespace Tally.Shared.ReadModel;

/// <summary>How far a source (Redis, the archive) has come with one input partition.</summary>
/// <param name="Generation">Order of versions is (Generation, NextOffset).</param>
/// <param name="Partition">Input partition.</param>
/// <param name="NextOffset">Every input offset below this one is in the source's numbers.</param>
/// <param name="AsOfMs">Every event appended before this Unix time (ms) is in the source's numbers.</param>
/// <param name="Position">Next offset of analytics.hours that the sink has to read.</param>
public readonly record struct PartitionProgress(int Generation, int Partition, long NextOffset, long AsOfMs, long Position);

/// <summary>Progress of a source over all input partitions, read before the hour it goes with.</summary>
public sealed class SourceProgress
{
    private readonly PartitionProgress?[] _partitions;

    /// <param name="partitionCount">Input partitions there are.</param>
    /// <param name="known">Those the source knows of; others count as not begun.</param>
    public SourceProgress(int partitionCount, IEnumerable<PartitionProgress> known)
    {
        _partitions = new PartitionProgress?[partitionCount];
        foreach (var progress in known)
            if ((uint)progress.Partition < (uint)partitionCount) _partitions[progress.Partition] = progress;
    }

    public int PartitionCount => _partitions.Length;

    public PartitionProgress? this[int partition] => (uint)partition < (uint)_partitions.Length ? _partitions[partition] : null;

    /// <summary>True when every partition has begun: a progress record of it has been read.</summary>
    public bool Complete => _partitions.Length > 0 && Array.TrueForAll(_partitions, p => p is { AsOfMs: > 0 });

    /// <summary>The least over the partitions, Unix time in ms; 0 while a partition has not begun.</summary>
    public long AsOfMs
    {
        get
        {
            var least = long.MaxValue;
            foreach (var p in _partitions) least = Math.Min(least, p?.AsOfMs ?? 0);
            return _partitions.Length == 0 ? 0 : least;
        }
    }

    /// <summary>True when this source has come at least as far as <paramref name="other"/> in every partition.</summary>
    public bool AtLeast(SourceProgress other)
    {
        for (var i = 0; i < other._partitions.Length; i++)
        {
            if (other._partitions[i] is not { } theirs) continue;
            if (this[i] is not { } ours) return false;
            if (ours.Generation < theirs.Generation) return false;
            if (ours.Generation == theirs.Generation && ours.NextOffset < theirs.NextOffset) return false;
        }
        return true;
    }

    /// <summary>True when the event at <paramref name="offset"/> of <paramref name="partition"/> is in the numbers.</summary>
    public bool HasReached(int partition, long offset) => this[partition] is { } p && p.NextOffset > offset;

    /// <summary>The further one of two in every partition; either may be null.</summary>
    public static SourceProgress? Furthest(SourceProgress? a, SourceProgress? b)
    {
        if (a is null || b is null) return a ?? b;
        var furthest = new List<PartitionProgress>();
        var count = Math.Max(a.PartitionCount, b.PartitionCount);
        for (var i = 0; i < count; i++)
            if (Further(a[i], b[i]) is { } progress) furthest.Add(progress);
        return new SourceProgress(count, furthest);
    }

    private static PartitionProgress? Further(PartitionProgress? a, PartitionProgress? b)
    {
        if (a is not { } left || b is not { } right) return a ?? b;
        return (left.Generation, left.NextOffset, left.AsOfMs).CompareTo((right.Generation, right.NextOffset, right.AsOfMs)) >= 0 ? a : b;
    }

    /// <summary>True when this source has read at least as far in analytics.hours as <paramref name="other"/>, partials without progress included.</summary>
    public bool HasRead(SourceProgress other)
    {
        for (var i = 0; i < other._partitions.Length; i++)
            if (other._partitions[i] is { } theirs && (this[i]?.Position ?? 0) < theirs.Position) return false;
        return true;
    }
}
