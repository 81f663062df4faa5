using System.Globalization;

namespace Tally.Tests.EndToEnd.Frames;

/// <summary>A window with what is known of it.</summary>
internal sealed record CountedWindow(long Start, long End, long UniqueUsers, long Frames);

/// <summary>Counts frames plainly, by the calendar of the base library.</summary>
internal static class FrameOracle
{
    public static readonly string[] Kinds = ["minute", "day", "week", "month", "year"];

    public static List<CountedWindow> Count(string kind, IEnumerable<(long Seconds, string User)> frames) =>
        [.. frames.GroupBy(frame => Of(kind, DateTimeOffset.FromUnixTimeSeconds(frame.Seconds).UtcDateTime))
            .Select(window => new CountedWindow(Unix(window.Key.Start), Unix(window.Key.End), window.Select(f => f.User).Distinct().Count(), window.Count()))
            .OrderBy(window => window.Start)];

    private static (DateTime Start, DateTime End) Of(string kind, DateTime time)
    {
        switch (kind)
        {
            case "minute":
                var minute = time.Date.AddHours(time.Hour).AddMinutes(time.Minute);
                return (minute, minute.AddMinutes(1));
            case "day":
                return (time.Date, time.Date.AddDays(1));
            case "week":
                var monday = ISOWeek.ToDateTime(ISOWeek.GetYear(time), ISOWeek.GetWeekOfYear(time), DayOfWeek.Monday);
                return (monday, monday.AddDays(7));
            case "month":
                var month = new DateTime(time.Year, time.Month, 1);
                return (month, month.AddMonths(1));
            default:
                return (new DateTime(time.Year, 1, 1), new DateTime(time.Year + 1, 1, 1));
        }
    }

    private static long Unix(DateTime time) => new DateTimeOffset(time, TimeSpan.Zero).ToUnixTimeSeconds();
}
