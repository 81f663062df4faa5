using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;

namespace Tally.LocalBroker.Coordinators;

/// <summary>A group's committed offsets, and which of them an open transaction is about to change.</summary>
internal sealed class GroupOffsets
{
    private readonly Dictionary<TopicPartition, CommittedOffset> _committed = [];
    private readonly HashSet<(TopicPartition Partition, long ProducerId)> _unstable = [];

    public IReadOnlyDictionary<TopicPartition, CommittedOffset> Committed => _committed;

    public bool IsEmpty => _committed.Count == 0 && _unstable.Count == 0;

    public static Key09OffsetFetch.PartitionResult None(int partition) => new(partition, -1, -1, "", ErrorCode.None);

    /// <summary>With <paramref name="requireStable"/> an offset under an open transaction is refused (KIP-447): the reader asks again.</summary>
    public Key09OffsetFetch.PartitionResult Fetch(TopicPartition partition, bool requireStable)
    {
        if (requireStable && _unstable.Any(u => u.Partition == partition))
            return None(partition.Partition) with { Error = ErrorCode.UnstableOffsetCommit };
        return _committed.TryGetValue(partition, out CommittedOffset offset)
            ? new Key09OffsetFetch.PartitionResult(partition.Partition, offset.Offset, offset.LeaderEpoch, offset.Metadata, ErrorCode.None)
            : None(partition.Partition);
    }

    public void Set(TopicPartition partition, CommittedOffset offset) => _committed[partition] = offset;

    public List<TopicPartition> RemoveWhere(Func<TopicPartition, CommittedOffset, bool> which)
    {
        List<TopicPartition> removed = [.. _committed.Where(o => which(o.Key, o.Value)).Select(o => o.Key)];
        removed.ForEach(p => _committed.Remove(p));
        return removed;
    }

    public void AddUnstable(TopicPartition partition, long producerId) => _unstable.Add((partition, producerId));

    public void RemoveUnstable(long producerId) => _unstable.RemoveWhere(u => u.ProducerId == producerId);
}
