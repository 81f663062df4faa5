using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Coordinators;

/// <summary>How a transaction ends: by its producer, by its time-out, or by a start that finds it decided.</summary>
internal sealed partial class TransactionCoordinator
{
    /// <summary>Stores the decision. From here on the transaction ends that way, whatever happens to the process.</summary>
    private bool Decide(Transaction transaction, bool commit, short epoch, short? epochBeforeInit = null)
    {
        bool stored = TryChange(transaction, () =>
        {
            (transaction.Epoch, transaction.EpochBeforeInit) = (epoch, epochBeforeInit ?? transaction.EpochBeforeInit);
            transaction.Status = commit ? TransactionStatus.PrepareCommit : TransactionStatus.PrepareAbort;
        });
        if (stored)
            transaction.Timer?.Dispose();
        return stored;
    }

    /// <summary>
    /// After the decision: markers and offsets once it is on the disk, and only when they are there too the note that all is done. Otherwise a power cut could
    /// keep the note and lose a marker. What fails is repeated by a timer, or by the next start; each step can be done twice without harm. Under any policy
    /// but group nothing here waits.
    /// </summary>
    /// <returns>None when the transaction ends as decided, now or soon; else the producer must not be told so.</returns>
    private async Task<ErrorCode> FinishAsync(Transaction transaction, bool afterRestart = false)
    {
        await _flush.WhenDurableAsync();
        Action takeBack;
        bool written;
        lock (transaction.Gate)
        {
            // After a failed flush only the next start knows what was decided.
            if (_closed || _journal.HasFailed)
                return ErrorCode.CoordinatorNotAvailable;
            if (!transaction.IsEnding)
                return ErrorCode.None;
            if (transaction.IsFinishing)
                return ErrorCode.ConcurrentTransactions;
            (takeBack, transaction.IsFinishing) = (transaction.Remember(), true);
            try
            {
                written = WriteEnd(transaction, afterRestart);
            }
            catch
            {
                FinishLater(transaction, takeBack);
                throw;
            }
        }

        bool durable = await _flush.WhenDurableAsync();
        lock (transaction.Gate)
        {
            try
            {
                if (durable && written && NoteEnd(transaction))
                {
                    transaction.IsFinishing = false;
                    return ErrorCode.None;
                }
            }
            catch
            {
                FinishLater(transaction, takeBack);
                throw;
            }

            FinishLater(transaction, durable ? null : takeBack);
            return durable ? ErrorCode.None : ErrorCode.CoordinatorNotAvailable;
        }
    }

    // Whatever went wrong, somebody must be able to try again: nothing else is taken for the transaction until it has ended.
    private void FinishLater(Transaction transaction, Action? takeBack)
    {
        transaction.IsFinishing = false;
        takeBack?.Invoke();
        StartTimer(transaction, CompletionRetry, () => Finish(transaction));
    }

    // For nobody who waits: by the clock, or at start.
    private void Finish(Transaction transaction, bool afterRestart = false) => _ = FinishOrLogAsync(transaction, afterRestart);

    private async Task FinishOrLogAsync(Transaction transaction, bool afterRestart)
    {
        try
        {
            await FinishAsync(transaction, afterRestart);
        }
        catch (Exception e)
        {
            LogFinishFailed(e, transaction.Id);
        }
    }

    private bool WriteEnd(Transaction transaction, bool afterRestart)
    {
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
        return done;
    }

    private bool NoteEnd(Transaction transaction) => TryChange(transaction, () =>
    {
        transaction.Status = transaction.Status == TransactionStatus.PrepareCommit ? TransactionStatus.CompleteCommit : TransactionStatus.CompleteAbort;
        transaction.Clear();
    });

    /// <summary>
    /// At start: aborts what is open in a partition and belongs to no transaction here. A power cut may have kept the end of a transaction and lost its marker,
    /// or a repair the whole journal; without this, readers of committed records would wait for ever.
    /// </summary>
    private void AbortForgotten(IEnumerable<Transaction> found)
    {
        var known = found.Where(t => t.IsEnding || t.Status == TransactionStatus.Ongoing)
            .SelectMany(t => t.Partitions.Select(p => (t.ProducerId, p))).ToHashSet();
        foreach (PartitionLog log in _topics.All.Values.SelectMany(t => t.Partitions))
        {
            foreach ((long producerId, short epoch) in log.DescribeProducers(p => p.HasOpenTransaction ? (p.ProducerId, p.Epoch) : (-1L, (short)-1)))
            {
                if (producerId < 0 || known.Contains((producerId, new TopicPartition(log.Topic, log.Partition))))
                    continue;
                LogForgotten(log.Topic, log.Partition, producerId);
                log.AppendMarker(producerId, epoch, commit: false);
            }
        }
    }

    private void Expire(Transaction transaction)
    {
        if (transaction.Status != TransactionStatus.Ongoing)
            return;
        LogExpired(transaction.Id, transaction.ProducerId);
        // The producer must not go on as if nothing had happened: its epoch is over (KIP-98). It may ask for the new one, though (KIP-588).
        if (Decide(transaction, commit: false, (short)(transaction.Epoch + 1), epochBeforeInit: transaction.Epoch))
            Finish(transaction);
        else
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
            Finish(transaction, afterRestart: true);
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
        if (_closed)
            return;
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
