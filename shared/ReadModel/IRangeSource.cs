using Tally.Shared.Sketches;

namespace Tally.Shared.ReadModel;

/// <summary>Numbers of one partition in an hour or a day.</summary>
/// <param name="Start">Hour at which it begins, counted from 1970-01-01.</param>
/// <param name="Partition">Input partition; no user is in two of them.</param>
/// <param name="Clicks">All of them.</param>
/// <param name="Impressions">All of them.</param>
/// <param name="Users">Its unique users, as far as that is known.</param>
public readonly record struct SpanCounts(long Start, int Partition, long Clicks, long Impressions, SpanUsers Users);

/// <summary>What is known of one partition's unique users in several hours.</summary>
/// <param name="HourUsers">Exact unique users of each hour, summed.</param>
/// <param name="MostUsers">Exact unique users of the hour that has most.</param>
/// <param name="BusyHours">Hours that have any.</param>
/// <param name="Estimate">By the sketch, 0 without one.</param>
/// <param name="StandardError">Of the estimate, relative to the truth.</param>
/// <param name="SketchedUsers">As <paramref name="HourUsers"/>, of what is in the sketch.</param>
public readonly record struct SpanUsers(long HourUsers, long MostUsers, long BusyHours, long Estimate, double StandardError, long SketchedUsers);

/// <summary>A stored sketch of an hour, a day or a month of one partition.</summary>
/// <param name="Start">Hour at which it begins.</param>
/// <param name="Partition">Input partition.</param>
/// <param name="HourUsers">Exact unique users of each hour that is in it, summed.</param>
/// <param name="Sketch">In <see cref="HyperLogLogFormat"/>.</param>
public sealed record StoredSketch(long Start, int Partition, long HourUsers, byte[] Sketch);

/// <summary>What an answer over many hours begins with: the generation it keeps to, and how far the source was before it read the first number.</summary>
public sealed record RangeBegin(int Generation, SourceProgress Progress);

/// <summary>Where ranges of hours are read from, a page at a time; what is in a page belongs to one moment.</summary>
public interface IRangeSource
{
    Task<RangeBegin> BeginAsync(CancellationToken cancellation);

    /// <param name="generation">Of <see cref="BeginAsync"/>.</param>
    /// <param name="run">Hours, or whole days.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>What is there, in the order of start and partition.</returns>
    Task<IReadOnlyList<SpanCounts>> ReadCountsAsync(int generation, SpanRun run, CancellationToken cancellation);

    /// <param name="generation">Of <see cref="BeginAsync"/>.</param>
    /// <param name="run">Which sketches.</param>
    /// <param name="after">The last one of the page before; null for the first page.</param>
    /// <param name="rows">Most of them; fewer are the last ones.</param>
    /// <param name="cancellation">Ends the wait.</param>
    Task<IReadOnlyList<StoredSketch>> ReadSketchesAsync(int generation, SpanRun run, StoredSketch? after, int rows, CancellationToken cancellation);
}
