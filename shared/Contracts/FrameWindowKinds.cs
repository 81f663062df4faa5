namespace Tally.Shared.Contracts;

/// <summary>Kinds of window of the frames, from the shortest, as in settings, records and queries.</summary>
public static class FrameWindowKinds
{
    public static readonly string[] Names = ["minute", "day", "week", "month", "year"];
}
