using System.ComponentModel.DataAnnotations;

namespace Tally.QueryService.Ranges;

/// <summary>Section <c>Range</c>: what <c>GET /analytics/range</c> may be asked, and what it may cost.</summary>
public sealed class RangeOptions
{
    public const string Section = "Range";

    /// <summary>Longest range in days, 1 to 36,600; a longer one is refused.</summary>
    [Range(1, 36_600, ErrorMessage = "Range:MaxDays must be from 1 to 36600.")]
    public int MaxDays { get; set; } = 3_660;

    /// <summary>Rows read at once, a row an hour or day and partition, about; 100 to 100,000. An answer holds one page in memory, whatever its length.</summary>
    [Range(100, 100_000, ErrorMessage = "Range:PageRows must be from 100 to 100000.")]
    public int PageRows { get; set; } = 8_000;

    /// <summary>Sketches read at once, each 12 KB at the most, 1 to 10,000.</summary>
    [Range(1, 10_000, ErrorMessage = "Range:PageSketches must be from 1 to 10000.")]
    public int PageSketches { get; set; } = 256;
}
