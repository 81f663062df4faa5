using Tally.QueryService.Analytics;
using Tally.QueryService.Positions;

namespace Tally.QueryService.Reading;

/// <summary>Where an answer came from.</summary>
public enum AnswerLayer
{
    Memory,
    Redis,
    Archive,
    Stale,
    None,
}

/// <summary>An answer as it is given out for a while.</summary>
/// <param name="Answer">Numbers and bytes.</param>
/// <param name="Layer">Where it was read.</param>
/// <param name="Stale">It must be marked with its age.</param>
/// <param name="ExpiresAt">From this timestamp of the clock on a newer one is to be read.</param>
/// <param name="ServeUntil">Until this timestamp it may be given while the newer one is read.</param>
/// <param name="Closed">The hour ended long enough ago that others may keep the answer for a while.</param>
public sealed record RememberedAnswer(HourAnswer Answer, AnswerLayer Layer, bool Stale, long ExpiresAt, long ServeUntil, bool Closed);

/// <summary>
/// All that is remembered of one hour. <see cref="Current"/> is read without a lock; the rest is changed under the entry's own lock.
/// </summary>
public sealed class HourEntry(long hour, AnswerFloor floor)
{
    private volatile RememberedAnswer? _current;

    public long Hour => hour;

    /// <summary>The answer given last.</summary>
    public RememberedAnswer? Current { get => _current; set => _current = value; }

    public AnswerFloor Floor { get; set; } = floor;

    /// <summary>The read that is under way.</summary>
    public HourRead? Loading { get; set; }

    /// <summary>What the next read should come up to: it goes on to the next source when the first one has not.</summary>
    public PositionSet? Wanted { get; set; }

    /// <summary>Removed from the cache: whoever still holds it must look again.</summary>
    public bool Forgotten { get; set; }

    /// <summary>Timestamp of the clock; written by readers without a lock, exactness does not matter.</summary>
    public long LastAsked { get; set; }
}
