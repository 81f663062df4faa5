using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Coordinators;

/// <summary>Where a transactional id stands. The numbers are stored.</summary>
internal enum TransactionStatus : sbyte
{
    Empty = 0,
    Ongoing = 1,
    PrepareCommit = 2,
    PrepareAbort = 3,
    CompleteCommit = 4,
    CompleteAbort = 5,
}

/// <summary>One transactional id: its producer and what its open transaction has touched. Guarded by <see cref="Gate"/>.</summary>
internal sealed class Transaction(string id)
{
    public Lock Gate { get; } = new();

    public string Id { get; } = id;

    public long ProducerId { get; set; } = -1;

    public short Epoch { get; set; } = -1;

    /// <summary>
    /// Epoch that may be named to be given the current one: the producer's own in its last initialisation, so that a repetition gets the same answer, or
    /// the one that a time-out ended. -1 when there is none.
    /// </summary>
    public short EpochBeforeInit { get; set; } = -1;

    public int TimeoutMs { get; set; }

    public TransactionStatus Status { get; set; }

    public long StartedAt { get; set; }

    public long UpdatedAt { get; set; }

    public HashSet<TopicPartition> Partitions { get; } = [];

    /// <summary>Offsets to commit with the transaction, by group; a group is here, perhaps without offsets, once it was added.</summary>
    public Dictionary<string, Dictionary<TopicPartition, CommittedOffset>> Offsets { get; } = new(StringComparer.Ordinal);

    public ITimer? Timer { get; set; }

    /// <summary>Whether somebody is at the work that follows the decision and waits for the disk.</summary>
    public bool IsFinishing { get; set; }

    public bool IsEnding => Status is TransactionStatus.PrepareCommit or TransactionStatus.PrepareAbort;

    public void Begin(long now)
    {
        Status = TransactionStatus.Ongoing;
        StartedAt = now;
    }

    public void Clear()
    {
        Partitions.Clear();
        Offsets.Clear();
    }

    /// <summary>How it stands now; what it returns puts that back.</summary>
    public Action Remember()
    {
        (long producerId, short epoch, short epochBeforeInit, int timeoutMs) = (ProducerId, Epoch, EpochBeforeInit, TimeoutMs);
        (TransactionStatus status, long startedAt, long updatedAt) = (Status, StartedAt, UpdatedAt);
        TopicPartition[] partitions = [.. Partitions];
        KeyValuePair<string, KeyValuePair<TopicPartition, CommittedOffset>[]>[] offsets = [.. Offsets.Select(o => KeyValuePair.Create(o.Key, o.Value.ToArray()))];
        return () =>
        {
            (ProducerId, Epoch, EpochBeforeInit, TimeoutMs) = (producerId, epoch, epochBeforeInit, timeoutMs);
            (Status, StartedAt, UpdatedAt) = (status, startedAt, updatedAt);
            Clear();
            Partitions.UnionWith(partitions);
            foreach ((string group, KeyValuePair<TopicPartition, CommittedOffset>[] kept) in offsets)
                Offsets[group] = new Dictionary<TopicPartition, CommittedOffset>(kept);
        };
    }

    public void Write(WireWriter writer)
    {
        writer.WriteString(Id);
        writer.WriteInt64(ProducerId);
        writer.WriteInt16(Epoch);
        writer.WriteInt16(EpochBeforeInit);
        writer.WriteInt32(TimeoutMs);
        writer.WriteInt8((sbyte)Status);
        writer.WriteInt64(StartedAt);
        writer.WriteInt64(UpdatedAt);
        writer.WriteArrayLength(Partitions.Count);
        foreach (TopicPartition partition in Partitions)
            partition.Write(writer);
        writer.WriteArrayLength(Offsets.Count);
        foreach ((string group, Dictionary<TopicPartition, CommittedOffset> offsets) in Offsets)
        {
            writer.WriteString(group);
            writer.WriteArrayLength(offsets.Count);
            foreach ((TopicPartition partition, CommittedOffset offset) in offsets)
            {
                partition.Write(writer);
                offset.Write(writer);
            }
        }
    }

    public static Transaction Read(ref WireReader reader)
    {
        var transaction = new Transaction(reader.ReadString())
        {
            ProducerId = reader.ReadInt64(),
            Epoch = reader.ReadInt16(),
            EpochBeforeInit = reader.ReadInt16(),
            TimeoutMs = reader.ReadInt32(),
            Status = (TransactionStatus)reader.ReadInt8(),
            StartedAt = reader.ReadInt64(),
            UpdatedAt = reader.ReadInt64(),
        };
        if (transaction.Status > TransactionStatus.CompleteAbort)
            throw new DataFolderException($"Transaction {transaction.Id} is in a state that this local-broker does not know.");
        for (int left = reader.ReadArrayLength(); left > 0; left--)
            transaction.Partitions.Add(TopicPartition.Read(ref reader));
        for (int groups = reader.ReadArrayLength(); groups > 0; groups--)
        {
            var offsets = new Dictionary<TopicPartition, CommittedOffset>();
            transaction.Offsets[reader.ReadString()] = offsets;
            for (int left = reader.ReadArrayLength(); left > 0; left--)
                offsets[TopicPartition.Read(ref reader)] = CommittedOffset.Read(ref reader);
        }

        return transaction;
    }
}
