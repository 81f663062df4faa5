using System.ComponentModel.DataAnnotations;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>Section <c>Frames</c>: how unique users of frames are counted.</summary>
public sealed class FramesOptions
{
    public const string Section = "Frames";

    private const string Kind = "(minute|day|week|month|year)";
    private const string WindowsRule = "Frames:Windows must name minute, day, week, month or year, or several separated by commas.";

    /// <summary>Kinds of window, separated by commas.</summary>
    [RegularExpression($"^{Kind}(,{Kind})*$", ErrorMessage = WindowsRule)]
    [Required(ErrorMessage = WindowsRule)]
    public string Windows { get; set; } = "minute,day,week,month,year";

    /// <summary>A window is final when event time has passed its end by this much; whole seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "7.00:00:00", ErrorMessage = "Frames:Lateness must be from 0 seconds to 7 days.")]
    public TimeSpan Lateness { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>A frame further ahead of the others than this is held aside until more come near it.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00", ErrorMessage = "Frames:WildLimit must be from 1 second to 365 days.")]
    public TimeSpan WildLimit { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long after its end a window can still be corrected, in event time.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "3650.00:00:00", ErrorMessage = "Frames:CorrectionHorizon must be from 1 minute to 3650 days.")]
    public TimeSpan CorrectionHorizon { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Uids of a window up to which it is counted exactly; beyond, windows longer than a minute are estimated with a standard error of 0.81 %.</summary>
    [Range(1, 100_000_000, ErrorMessage = "Frames:ExactUsers must be from 1 to 100000000.")]
    public int ExactUsers { get; set; } = 100_000;

    /// <summary>Bytes of memory for the sets of all windows; beyond it those used longest ago rest on disk.</summary>
    [Range(1 << 20, 1L << 40, ErrorMessage = "Frames:SetBytes must be from 1048576 to 1099511627776.")]
    public long SetBytes { get; set; } = 64L << 20;

    /// <summary>Whether a frame must be JSON to its end; without it what follows both fields is not looked at.</summary>
    public bool ValidateTail { get; set; } = true;

    /// <summary>
    /// Which counting of the topic this is, 1 to 1,000,000: <c>frames-reset</c> begins the next one and says its number, and processors go on with it only
    /// when it is set here.
    /// </summary>
    [Range(1, 1_000_000, ErrorMessage = "Frames:Generation must be from 1 to 1000000.")]
    public int Generation { get; set; } = 1;

    /// <summary>
    /// Generation whose topics, group and transactional ids are used, 1 to 1,000,000: 1, or that of the last <c>rebuild --job frames</c>. Generations that
    /// <c>frames-reset</c> began since lie in the same ones.
    /// </summary>
    [Range(1, 1_000_000, ErrorMessage = "Frames:TopicGeneration must be from 1 to 1000000.")]
    public int TopicGeneration { get; set; } = 1;

    public FrameRules ToRules() => new()
    {
        Kinds = [.. WindowKinds.All.Where(kind => Windows.Split(',').Contains(kind.Name()))],
        Lateness = (long)Lateness.TotalSeconds,
        WildLimit = (long)WildLimit.TotalSeconds,
        CorrectionHorizon = (long)CorrectionHorizon.TotalSeconds,
        ExactUsers = ExactUsers,
        SetBytes = SetBytes,
    };
}
