using System.Globalization;

namespace Tally.Tests.Support;

/// <summary>How long something stays broken: a moment in <c>make test</c>, as long as <c>make chaos-reads SECONDS_EACH=60</c> says.</summary>
public static class FaultTime
{
    private static readonly TimeSpan? Given =
        double.TryParse(Environment.GetEnvironmentVariable("CHAOS_READS_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(seconds) : null;

    /// <param name="moment">In <c>make test</c>.</param>
    public static TimeSpan Or(TimeSpan moment) => Given ?? moment;
}
