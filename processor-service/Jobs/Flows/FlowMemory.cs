namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>
/// Memory that the sums of all partitions share. Beyond it the hours used longest ago go to disk, until an eighth is free. For one thread. An hour that is written
/// to all the time stays, so a single commit's hours may be more than there is memory for.
/// </summary>
/// <param name="most">Bytes, about.</param>
/// <param name="files">Where hours rest; without them all stay in memory, whatever they take.</param>
public sealed class FlowMemory(long most, FlowFiles? files)
{
    private readonly List<FlowSums> _partitions = [];
    private long _uses;

    public FlowFiles Files => files ?? throw new InvalidOperationException("There is no folder for sums of flows.");

    /// <summary>Bytes in use.</summary>
    public long Used { get; set; }

    public long NextUse() => ++_uses;

    public void Join(FlowSums partition) => _partitions.Add(partition);

    public void Leave(FlowSums partition) => _partitions.Remove(partition);

    public void MakeRoom()
    {
        if (files is null || Used <= most) return;
        foreach (var hour in _partitions.SelectMany(partition => partition.Held).Where(hour => !hour.Touched).OrderBy(hour => hour.LastUse).ToArray())
        {
            if (Used <= most / 8 * 7) return;
            hour.Leave();
        }
    }
}
