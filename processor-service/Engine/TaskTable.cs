namespace Tally.ProcessorService.Engine;

/// <summary>The tasks in hand, found by partition without a search.</summary>
public sealed class TaskTable(int partitionCount)
{
    private readonly PartitionTask?[] _byPartition = new PartitionTask?[partitionCount];

    /// <summary>In the order of their partitions.</summary>
    public PartitionTask[] All { get; private set; } = [];

    public PartitionTask? this[int partition] => (uint)partition < (uint)_byPartition.Length ? _byPartition[partition] : null;

    public void Add(PartitionTask task)
    {
        _byPartition[task.Partition] = task;
        All = [.. _byPartition.OfType<PartitionTask>()];
    }

    public void Remove(int partition)
    {
        if ((uint)partition >= (uint)_byPartition.Length) return;
        _byPartition[partition] = null;
        All = [.. _byPartition.OfType<PartitionTask>()];
    }
}
