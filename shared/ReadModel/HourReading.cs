namespace Tally.Shared.ReadModel;

/// <summary>What a source holds of one hour.</summary>
public enum HourState
{
    /// <summary>Nothing. In the archive that means zeros as of its progress; in Redis it says nothing.</summary>
    Absent,

    /// <summary>Some partitions' counts may be missing (Redis only): not to be served.</summary>
    Incomplete,

    /// <summary>All counts up to the progress.</summary>
    Complete,
}

/// <summary>One hour as a source has it; <paramref name="Progress"/> was read first, so the counts are at least that new.</summary>
/// <param name="State">What it holds.</param>
/// <param name="Counts">Zeros unless complete.</param>
/// <param name="Progress">How far the source is with all hours.</param>
/// <param name="CountedTo">
/// By partition, the offset below which every event is in the counts, wherever that may lie beyond the progress, else 0: a partial is written before the progress that
/// goes with it, and a refill brings those of an archive that is ahead. Null when it lies beyond nowhere.
/// </param>
public sealed record HourReading(HourState State, HourCounts Counts, SourceProgress Progress, IReadOnlyList<long>? CountedTo = null);

/// <summary>A place hours can be read from: Redis or the archive.</summary>
public interface IHourSource
{
    /// <summary>Name in metrics, traces and logs: <c>redis</c>, <c>archive</c>.</summary>
    string Name { get; }

    /// <summary>Reads progress first, then the hour.</summary>
    /// <exception cref="Exception">Whatever the store throws when it is away; callers wrap it in their resilience pipeline.</exception>
    Task<HourReading> ReadAsync(long hour, CancellationToken cancellation);
}

/// <summary>Brings an hour from the archive into Redis and marks it complete when that is proven.</summary>
public interface IHourRefill
{
    /// <summary>
    /// Reads Redis's progress, then the archive; merges the archive's partials through the same script the materializer uses and sets
    /// <c>complete</c> once the archive's progress has reached the Redis progress read at first and Redis was not emptied meanwhile.
    /// </summary>
    /// <returns>True when the hour is complete in Redis now; false when the archive is still behind (try again later).</returns>
    Task<bool> RefillAsync(long hour, CancellationToken cancellation);
}
