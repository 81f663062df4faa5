namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>What the counting of frames goes by. Times in seconds of event time.</summary>
public sealed record FrameRules
{
    /// <summary>Kinds of window that are counted, ascending, at least one.</summary>
    public IReadOnlyList<WindowKind> Kinds { get; init; } = WindowKinds.All;

    /// <summary>A window is final this long after its end.</summary>
    public long Lateness { get; init; } = 5;

    /// <summary>A frame more than this ahead of its partition's event clock is held aside; frames this near to each other support each other.</summary>
    public long WildLimit { get; init; } = 3600;

    /// <summary>Further frames near one held aside that make it a real gap in time …</summary>
    public int GapFrames { get; init; } = 5;

    /// <summary>… if they are of so many uids in all …</summary>
    public int GapUsers { get; init; } = 3;

    /// <summary>… or so many frames even of one uid.</summary>
    public int GapFramesOfOneUser { get; init; } = 100;

    /// <summary>A frame held aside is wild when so many others were accepted since.</summary>
    public int HeldFor { get; init; } = 1000;

    /// <summary>Most frames held aside in a partition; the oldest is wild then.</summary>
    public int HeldMax { get; init; } = 1000;

    /// <summary>How long after a window's end frames still correct it.</summary>
    public long CorrectionHorizon { get; init; } = 7 * 86_400;

    /// <summary>Uids of a window that are counted exactly; a longer window than a minute with more becomes a sketch.</summary>
    public int ExactUsers { get; init; } = 100_000;

    /// <summary>Bytes of memory for sets; beyond it those used longest ago rest on disk.</summary>
    public long SetBytes { get; init; } = 64L << 20;
}
