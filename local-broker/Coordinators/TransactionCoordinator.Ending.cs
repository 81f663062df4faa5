using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Coordinators;

/// <summary>How a transaction ends: by its producer, by its time-out, or by a start that finds it decided.</summary>
internal sealed partial class TransactionCoordinator
{
    /// <summary>Stores the decision. From here on the transaction ends that way, whatever happens to the process.</summary>
    private bool Decide(Transaction transaction, bool commit, short epoch)
    {
        short epochBefore = transaction.Epoch;
        transaction.Epoch = epoch;
        transaction.Status = commit ? TransactionStatus.PrepareCommit : TransactionStatus.PrepareAbort;
        if (Save(transaction) == ErrorCode.None)
        {
            transaction.Timer?.Dispose();
            return true;
        }

        (transaction.Status, transaction.Epoch) = (TransactionStatus.Ongoing, epochBefore);
        return false;
    }

    /// <summary>Markers, offsets, completion. Repeats itself until it succeeds; each step can be done twice without harm.</summary>
    private bool Complete(Transaction transaction, bool afterRestart = false)
    {
        if (!transaction.IsEnding)
            return true;
        bool commit = transaction.Status == TransactionStatus.PrepareCommit;
        bool done = true;
        foreach (TopicPartition partition in transaction.Partitions.ToArray())
        {
            // A topic deleted meanwhile needs no marker; after a restart only those without their marker get one.
            PartitionLog? log = _topics.Find(partition.Topic, partition.Partition);
            if (log is null || (afterRestart && !log.HasOpenTransaction(transaction.ProducerId))
                || log.AppendMarker(transaction.ProducerId, transaction.Epoch, commit) == ErrorCode.None)
                transaction.Partitions.Remove(partition);
            else
                done = false;
        }

        foreach ((string group, Dictionary<TopicPartition, CommittedOffset> offsets) in transaction.Offsets)
            done &= _groups.EndStaged(group, transaction.ProducerId, [.. offsets.Select(o => (o.Key, o.Value))], commit);
        TransactionStatus ending = transaction.Status;
        if (done)
        {
            transaction.Clear();
            transaction.Status = commit ? TransactionStatus.CompleteCommit : TransactionStatus.CompleteAbort;
            if (Save(transaction) == ErrorCode.None)
                return true;
        }

        transaction.Status = ending;
        StartTimer(transaction, CompletionRetry, () => Complete(transaction));
        return false;
    }

    private void Expire(Transaction transaction)
    {
        if (transaction.Status != TransactionStatus.Ongoing)
            return;
        LogExpired(transaction.Id, transaction.ProducerId);
        // The producer must not go on as if nothing had happened: its epoch is over (KIP-98). It may ask for the new one, though (KIP-588).
        short askedBefore = transaction.EpochBeforeInit;
        transaction.EpochBeforeInit = transaction.Epoch;
        if (Decide(transaction, commit: false, (short)(transaction.Epoch + 1)))
        {
            Complete(transaction);
            return;
        }

        transaction.EpochBeforeInit = askedBefore;
        StartTimer(transaction, CompletionRetry, () => Expire(transaction));
    }

    private void Restore(Transaction transaction)
    {
        _transactions[transaction.Id] = transaction;
        foreach ((string group, Dictionary<TopicPartition, CommittedOffset> offsets) in transaction.Offsets)
            _groups.MarkUnstable(group, transaction.ProducerId, offsets.Keys);
        if (transaction.IsEnding)
        {
            LogFinishing(transaction.Id, transaction.Status);
            lock (transaction.Gate)
                Complete(transaction, afterRestart: true);
        }
        else if (transaction.Status == TransactionStatus.Ongoing)
        {
            long left = Math.Max(0, transaction.StartedAt + transaction.TimeoutMs - Now);
            StartTimer(transaction, TimeSpan.FromMilliseconds(left), () => Expire(transaction));
        }
    }

    private void StartTimer(Transaction transaction, TimeSpan due, Action action)
    {
        transaction.Timer?.Dispose();
        transaction.Timer = _options.TimeProvider.CreateTimer(
            _ =>
            {
                lock (transaction.Gate)
                {
                    if (!_closed)
                        action();
                }
            },
            null,
            due,
            Timeout.InfiniteTimeSpan);
    }
}
