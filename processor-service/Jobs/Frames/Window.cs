namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>A window of event time.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Start">First Unix second in it.</param>
public readonly record struct Window(WindowKind Kind, long Start)
{
    private const long Minute = 60;
    private const long Day = 86_400;

    /// <summary>First Unix second after it.</summary>
    public long End => Kind switch
    {
        WindowKind.Minute => Start + Minute,
        WindowKind.Day => Start + Day,
        WindowKind.Week => Start + (7 * Day),
        _ => EndOfMonths(),
    };

    /// <param name="kind">Its kind.</param>
    /// <param name="seconds">Unix seconds, at least 0.</param>
    public static Window Of(WindowKind kind, long seconds) => new(kind, kind switch
    {
        WindowKind.Minute => seconds - (seconds % Minute),
        WindowKind.Day => seconds - (seconds % Day),
        // 1970 began on a Thursday, three days after a Monday.
        WindowKind.Week => (((seconds / Day) + 3) / 7 * 7 * Day) - (3 * Day),
        WindowKind.Month => OfMonth(seconds, first: false),
        _ => OfMonth(seconds, first: true),
    });

    private static long OfMonth(long seconds, bool first)
    {
        var (year, month) = Date(seconds / Day);
        return Days(year, first ? 1 : month) * Day;
    }

    private long EndOfMonths()
    {
        var (year, month) = Date(Start / Day);
        if (Kind == WindowKind.Year) return Days(year + 1, 1) * Day;
        return (month == 12 ? Days(year + 1, 1) : Days(year, month + 1)) * Day;
    }

    // The Gregorian calendar counted from 1 March of the year 0, so that leap days come last (Hinnant, "chrono-compatible low-level date
    // algorithms"); DateTime ends one second before the year 9999 does.
    private const int DaysOf400Years = 146_097;
    private const int DaysUpTo1970 = 719_468;

    private static (long Year, int Month) Date(long day)
    {
        day += DaysUpTo1970;
        var era = day / DaysOf400Years;
        var dayOfEra = day % DaysOf400Years;
        var yearOfEra = (dayOfEra - (dayOfEra / 1_460) + (dayOfEra / 36_524) - (dayOfEra / 146_096)) / 365;
        var dayOfYear = dayOfEra - ((365 * yearOfEra) + (yearOfEra / 4) - (yearOfEra / 100));
        var month = (int)((((5 * dayOfYear) + 2) / 153) + 3);
        var year = yearOfEra + (era * 400);
        return month <= 12 ? (year, month) : (year + 1, month - 12);
    }

    /// <summary>Days from 1970 to the first of a month.</summary>
    private static long Days(long year, int month)
    {
        if (month <= 2) year--;
        var era = year / 400;
        var yearOfEra = year % 400;
        var dayOfYear = ((153 * (month > 2 ? month - 3 : month + 9)) + 2) / 5;
        return (era * DaysOf400Years) + (yearOfEra * 365) + (yearOfEra / 4) - (yearOfEra / 100) + dayOfYear - DaysUpTo1970;
    }
}
