using System.ComponentModel.DataAnnotations;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>Section <c>Flows</c>.</summary>
public sealed class FlowsOptions
{
    public const string Section = "Flows";

    /// <summary>How long the Idempotency-Key of an array is remembered, by the time at which arrays arrive; about 20 bytes of memory a key.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00", ErrorMessage = "Flows:RememberKeys must be from 1 second to 365 days.")]
    public TimeSpan RememberKeys { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Bytes of memory for the sums of all partitions, about; beyond it the hours used longest ago rest on disk, in a folder of <c>State:Directory</c> if that is not empty. One sum takes about 180.</summary>
    [Range(1 << 20, 1L << 40, ErrorMessage = "Flows:SumBytes must be from 1048576 to 1099511627776.")]
    public long SumBytes { get; set; } = 256L << 20;

    /// <summary>
    /// Generation of the flows, 1 to 1,000,000. <c>rebuild --job flows</c> counts the next one under topics, group and transactional ids of its own; once
    /// readers use that one, it is set here.
    /// </summary>
    [Range(1, 1_000_000, ErrorMessage = "Flows:Generation must be from 1 to 1000000.")]
    public int Generation { get; set; } = 1;
}
