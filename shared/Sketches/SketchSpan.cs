namespace Tally.Shared.Sketches;

/// <summary>What one stored sketch spans. A stored number.</summary>
public enum SpanKind
{
    Hour = 0,
    Day = 1,
    Month = 2,
}

/// <summary>A run of whole spans of one kind.</summary>
/// <param name="Kind">Hours, days or months of the calendar in GMT.</param>
/// <param name="From">First hour since 1970-01-01.</param>
/// <param name="To">The hour after the last one.</param>
public readonly record struct SpanRun(SpanKind Kind, long From, long To);

/// <summary>Hours, days and months in GMT, each named by the hour at which it begins.</summary>
public static class SketchSpans
{
    public const long HoursOfDay = 24;

    /// <summary>The first hour past .NET's calendar, 10000-01-01.</summary>
    private const long End = (Contracts.Hours.LastTimestampMs + 1) / Contracts.Hours.MillisecondsPerHour;

    /// <summary>The hour at which the span begins that holds <paramref name="hour"/>.</summary>
    public static long Start(SpanKind kind, long hour) => kind switch
    {
        SpanKind.Hour => hour,
        SpanKind.Day => hour - (hour % HoursOfDay),
        _ => hour >= End ? End : HourOf(MonthOf(hour)),
    };

    /// <summary>
    /// The fewest spans that make up the hours from <paramref name="from"/> to before <paramref name="to"/>: whole months inside, days and hours at the ends.
    /// </summary>
    public static IReadOnlyList<SpanRun> Cover(long from, long to)
    {
        var runs = new List<SpanRun>();
        var (firstDay, lastDay) = (Up(SpanKind.Day, from), Start(SpanKind.Day, to));
        if (firstDay >= lastDay) return Add(runs, SpanKind.Hour, from, to);
        var (firstMonth, lastMonth) = (Up(SpanKind.Month, firstDay), Start(SpanKind.Month, lastDay));
        Add(runs, SpanKind.Hour, from, firstDay);
        if (firstMonth >= lastMonth)
        {
            Add(runs, SpanKind.Day, firstDay, lastDay);
        }
        else
        {
            Add(runs, SpanKind.Day, firstDay, firstMonth);
            Add(runs, SpanKind.Month, firstMonth, lastMonth);
            Add(runs, SpanKind.Day, lastMonth, lastDay);
        }
        return Add(runs, SpanKind.Hour, lastDay, to);
    }

    private static List<SpanRun> Add(List<SpanRun> runs, SpanKind kind, long from, long to)
    {
        if (from < to) runs.Add(new SpanRun(kind, from, to));
        return runs;
    }

    /// <summary>The first begin of such a span that is not before <paramref name="hour"/>.</summary>
    private static long Up(SpanKind kind, long hour)
    {
        var start = Start(kind, hour);
        if (start == hour) return hour;
        if (kind == SpanKind.Day) return start + HoursOfDay;
        var month = MonthOf(hour);
        return month is { Year: 9999, Month: 12 } ? End : HourOf(month.AddMonths(1));
    }

    private static DateTime MonthOf(long hour)
    {
        var at = DateTime.UnixEpoch.AddHours(hour);
        return new DateTime(at.Year, at.Month, 1, 0, 0, 0, DateTimeKind.Utc);
    }

    private static long HourOf(DateTime month) => (month - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerHour;
}
