namespace Tally.Shared.Contracts;

/// <summary>Names of counters in progress records that readers know the meaning of.</summary>
public static class CounterNames
{
    /// <summary>Events that were counted once and went for want of memory: an outcome of their own.</summary>
    public const string AgedOut = "aged_out";
}
