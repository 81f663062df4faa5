using System.ComponentModel.DataAnnotations;

namespace Tally.ProcessorService.State;

/// <summary>Section <c>State</c>: where state rests, how much memory it takes and how long it is kept.</summary>
public sealed class StateOptions
{
    public const string Section = "State";

    /// <summary>
    /// Folder for cold state and snapshots, on a disk of this machine; what is lost of it is restored from the changelog. Empty keeps all
    /// state in memory, whatever <see cref="MemoryBudget"/> says, and restores it from the changelog at every start.
    /// </summary>
    public string Directory { get; set; } = "data/state";

    /// <summary>Bytes of memory for the state of all partitions in this process, 16 MiB to 1 TiB. The process itself takes up to 150 MB beside it.</summary>
    [Range(16L << 20, 1L << 40, ErrorMessage = "State:MemoryBudget must be from 16777216 (16 MiB) to 1099511627776 bytes.")]
    public long MemoryBudget { get; set; } = 256L << 20;

    /// <summary>How often a partition that changed writes a snapshot.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ErrorMessage = "State:SnapshotInterval must be from 1 second to 1 day.")]
    public TimeSpan SnapshotInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long an hour's state is kept after its last event, by the time of the events' arrival; its numbers stay. An event that comes later goes to the
    /// dead letters as <c>hour-expired</c>. At least an hour; null keeps all state for ever.
    /// </summary>
    [Range(typeof(TimeSpan), "01:00:00", "36500.00:00:00", ErrorMessage = "State:Retention must be from 1 hour to 36500 days, or left out for ever.")]
    public TimeSpan? Retention { get; set; }
}
