using System.ComponentModel.DataAnnotations;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>Section <c>ColourSets</c>: how much is held.</summary>
public sealed class ColourOptions
{
    public const string Section = "ColourSets";

    /// <summary>Part of the memory available to the process that held events may take; ageing begins at 80 % of it. 0.01 to 0.9.</summary>
    [Range(0.01, 0.9, ErrorMessage = "ColourSets:MemoryShare must be from 0.01 to 0.9.")]
    public double MemoryShare { get; set; } = 0.25;

    /// <summary>Sets after which the newest segment retires, 1 to 1,000,000; null leaves it to the number of its events.</summary>
    [Range(1, 1_000_000, ErrorMessage = "ColourSets:SegmentSets must be from 1 to 1000000.")]
    public int? SegmentSets { get; set; }

    /// <summary>Retired segments kept, 1 to 1,000,000; null keeps what memory allows.</summary>
    [Range(1, 1_000_000, ErrorMessage = "ColourSets:RetiredSegments must be from 1 to 1000000.")]
    public int? RetiredSegments { get; set; }

    /// <summary>The limits on a process that may use so many bytes.</summary>
    public HoldingLimits Limits(long availableBytes) => new((long)(availableBytes * MemoryShare), SegmentSets: SegmentSets, RetiredSegments: RetiredSegments);
}
