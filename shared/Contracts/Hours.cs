using System.Globalization;

namespace Tally.Shared.Contracts;

/// <summary>GMT hours as whole hours since 1970-01-01T00:00Z.</summary>
public static class Hours
{
    public const long MillisecondsPerHour = 3_600_000;

    /// <summary>Last millisecond that has a calendar date in .NET (9999-12-31T23:59:59.999Z).</summary>
    public const long LastTimestampMs = 253_402_300_799_999;

    /// <param name="timestampMs">Unix time in ms, ≥ 0.</param>
    public static long Of(long timestampMs) => timestampMs / MillisecondsPerHour;

    public static long StartMs(long hour) => hour * MillisecondsPerHour;

    /// <summary>The hour as people read it, <c>2026-11-21T07</c>; part of Redis keys, so it never changes.</summary>
    public static string Name(long hour) =>
        DateTimeOffset.FromUnixTimeMilliseconds(StartMs(hour)).UtcDateTime.ToString("yyyy-MM-dd'T'HH", CultureInfo.InvariantCulture);
}
