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

    /// <summary>After the decision, which is on the disk: markers and offsets, and only when they are there too the note that all is done.</summary>
    private async ValueTask<ErrorCode> FinishAsync(Transaction transaction)
    {
        Action takeBack;
        bool written;
        short epoch;
        lock (transaction.Gate)
            (takeBack, epoch, written) = (transaction.Remember(), transaction.Epoch, WriteEnd(transaction));
        bool durable = await _flush.WhenDurableAsync();
        lock (transaction.Gate)
        {
            // Whatever is missing is written again by a timer, or by the next start.
            if (!written || !transaction.IsEnding || transaction.Epoch != epoch)
                return ErrorCode.None;
            if (durable)
            {
                NoteEnd(transaction);
                return ErrorCode.None;
            }

            takeBack();
            StartTimer(transaction, CompletionRetry, () => Complete(transaction));
            return ErrorCode.CoordinatorNotAvailable;
        }
    }

    /// <summary>Markers, offsets, completion. Repeats itself until it succeeds; each step can be done twice without harm.</summary>
    private bool Complete(Transaction transaction, bool afterRestart = false) =>
        !transaction.IsEnding || (WriteEnd(transaction, afterRestart) && NoteEnd(transaction));

    private bool WriteEnd(Transaction transaction, bool afterRestart = false)
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
        if (!done)
            StartTimer(transaction, CompletionRetry, () => Complete(transaction));
        return done;
    }

    private bool NoteEnd(Transaction transaction)
    {
        bool stored = TryChange(transaction, () =>
        {
            transaction.Status = transaction.Status == TransactionStatus.PrepareCommit ? TransactionStatus.CompleteCommit : TransactionStatus.CompleteAbort;
            transaction.Clear();
        });
        if (!stored)
            StartTimer(transaction, CompletionRetry, () => Complete(transaction));
        return stored;
    }

    /// <summary>
    /// At start: aborts what is open in a partition and belongs to no transaction here. A power cut may have kept the end of a transaction and lost its marker,
    /// or a repair the whole journal; without this, readers of committed records would wait for ever.
    /// </summary>
    private void AbortForgotten()
    {
        var known = _transactions.Values.Where(t => t.IsEnding || t.Status == TransactionStatus.Ongoing)
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
            Complete(transaction);
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
