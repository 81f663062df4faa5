using System.ComponentModel.DataAnnotations;

namespace Tally.CommandService.Batch;

/// <summary>Section <c>Batch</c>: <c>POST /analytics/batch</c>.</summary>
public sealed class BatchOptions
{
    public const string Section = "Batch";

    /// <summary>Events in one batch, 1 to 10,000,000; those beyond are answered 413 and not stored.</summary>
    [Range(1, 10_000_000, ErrorMessage = "Batch:MaxItems must be from 1 to 10000000.")]
    public int MaxItems { get; set; } = 100_000;

    /// <summary>Largest body in bytes, 1 KiB to 1 GiB; takes the place of <c>Http:MaxBodyBytes</c>.</summary>
    [Range(typeof(long), "1024", "1073741824", ErrorMessage = "Batch:MaxBytes must be from 1024 to 1073741824.")]
    public long MaxBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>Events of one batch under way to Kafka, 1 to 100,000. Below <c>Ingest:MaxInFlight</c>, so that single events find room beside it.</summary>
    [Range(1, 100_000, ErrorMessage = "Batch:Window must be from 1 to 100000.")]
    public int Window { get; set; } = 2_000;

    /// <summary>Batches at once, 1 to 10,000; one more is answered 503.</summary>
    [Range(1, 10_000, ErrorMessage = "Batch:Concurrency must be from 1 to 10000.")]
    public int Concurrency { get; set; } = 16;
}
