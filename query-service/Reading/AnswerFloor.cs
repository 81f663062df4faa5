using Tally.Shared.ReadModel;

namespace Tally.QueryService.Reading;

/// <summary>
/// What was already answered for an hour: nothing older may follow unmarked (monotonic reads), whichever source it comes from.
/// Immutable.
/// </summary>
public sealed class AnswerFloor
{
    public static readonly AnswerFloor None = new(null, default);

    private readonly HourCounts _counts;

    private AnswerFloor(SourceProgress? progress, HourCounts counts)
    {
        Progress = progress;
        _counts = counts;
    }

    public SourceProgress? Progress { get; }

    /// <summary>A floor for hours of which nothing else is remembered any more.</summary>
    public static AnswerFloor Of(SourceProgress? progress) => progress is null ? None : new AnswerFloor(progress, default);

    /// <summary>
    /// True when the numbers are not older. Progress is read before the counts and may be behind them, so the counts are compared too:
    /// within a generation they never fall.
    /// </summary>
    public bool Allows(HourCounts counts, SourceProgress progress) =>
        Progress is null || (progress.AtLeast(Progress) && (NotLess(counts) || BeginsAnew(progress)));

    /// <summary>The floor after this was answered.</summary>
    public AnswerFloor Raise(HourCounts counts, SourceProgress progress)
    {
        if (Progress is null || BeginsAnew(progress)) return new AnswerFloor(SourceProgress.Furthest(Progress, progress), counts);
        var most = new HourCounts(Math.Max(_counts.UniqueUsers, counts.UniqueUsers), Math.Max(_counts.Clicks, counts.Clicks),
            Math.Max(_counts.Impressions, counts.Impressions));
        // An idle hour is answered again and again with little new: keep what can be kept.
        return most == _counts && Progress.AtLeast(progress) ? this : new AnswerFloor(SourceProgress.Furthest(Progress, progress), most);
    }

    private bool NotLess(HourCounts counts) =>
        counts.UniqueUsers >= _counts.UniqueUsers && counts.Clicks >= _counts.Clicks && counts.Impressions >= _counts.Impressions;

    /// <summary>A rebuild counts from the beginning; its numbers may differ.</summary>
    private bool BeginsAnew(SourceProgress progress)
    {
        for (var i = 0; i < progress.PartitionCount; i++)
            if (progress[i] is { } theirs && Progress?[i] is { } ours && theirs.Generation > ours.Generation) return true;
        return false;
    }
}
