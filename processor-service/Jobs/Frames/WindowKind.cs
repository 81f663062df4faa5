namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>Kinds of window, each in UTC, from the shortest; weeks are ISO weeks and begin on Monday.</summary>
public enum WindowKind
{
    Minute,
    Day,
    Week,
    Month,
    Year,
}

public static class WindowKinds
{
    public static readonly WindowKind[] All = Enum.GetValues<WindowKind>();

    /// <summary>As in settings, results and queries.</summary>
    public static string Name(this WindowKind kind) => kind switch
    {
        WindowKind.Minute => "minute",
        WindowKind.Day => "day",
        WindowKind.Week => "week",
        WindowKind.Month => "month",
        _ => "year",
    };

    /// <summary>Whether every window of <paramref name="kind"/> lies within one of <paramref name="other"/>.</summary>
    public static bool LiesWithin(this WindowKind kind, WindowKind other) => kind < other && !(kind == WindowKind.Week || other == WindowKind.Minute);
}
