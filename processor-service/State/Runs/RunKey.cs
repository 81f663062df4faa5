namespace Tally.ProcessorService.State.Runs;

/// <summary>The order of hashes on disk: by set, then by hash.</summary>
public readonly record struct RunKey(long Set, UInt128 Hash) : IComparable<RunKey>
{
    /// <summary>Not above any other.</summary>
    public static readonly RunKey Least = new(long.MinValue, UInt128.Zero);

    public static bool operator <(RunKey left, RunKey right) => left.CompareTo(right) < 0;

    public static bool operator >(RunKey left, RunKey right) => left.CompareTo(right) > 0;

    public static bool operator <=(RunKey left, RunKey right) => left.CompareTo(right) <= 0;

    public static bool operator >=(RunKey left, RunKey right) => left.CompareTo(right) >= 0;

    public int CompareTo(RunKey other) => Set != other.Set ? Set.CompareTo(other.Set) : Hash.CompareTo(other.Hash);
}

/// <summary>
/// A range of the order with the runs that hold its hashes, oldest first. No hash is in two of them. It reaches up to the next leaf.
/// </summary>
public sealed class Leaf(RunKey low)
{
    public RunKey Low => low;

    public List<Run> Runs { get; } = [];

    /// <summary>The merge under way, if any.</summary>
    public RunMerge? Merge { get; set; }

    public long Count => Runs.Sum(run => (long)run.Count);
}
