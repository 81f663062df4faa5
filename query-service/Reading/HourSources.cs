namespace Tally.QueryService.Reading;

/// <summary>The places hours are read from, in the order in which they are asked.</summary>
public sealed record HourSources(GuardedSource Redis, GuardedSource Archive);
