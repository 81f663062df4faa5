namespace Tally.LocalBroker.Storage;

/// <summary>A topic as it stands: never changed, replaced as a whole.</summary>
internal sealed record Topic(string Name, IReadOnlyDictionary<string, string> Settings, LogConfig Config, IReadOnlyList<PartitionLog> Partitions)
{
    public PartitionLog? Find(int partition) => (uint)partition < (uint)Partitions.Count ? Partitions[partition] : null;
}
