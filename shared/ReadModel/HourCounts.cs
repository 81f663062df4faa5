namespace Tally.Shared.ReadModel;

/// <summary>The three numbers of one GMT hour.</summary>
public readonly record struct HourCounts(long UniqueUsers, long Clicks, long Impressions)
{
    public static HourCounts operator +(HourCounts a, HourCounts b) =>
        new(a.UniqueUsers + b.UniqueUsers, a.Clicks + b.Clicks, a.Impressions + b.Impressions);
}
