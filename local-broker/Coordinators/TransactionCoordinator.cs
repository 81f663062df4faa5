using System.Collections.Concurrent;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Coordinators;

/// <summary>
/// Transactions on the protocol before KIP-890. Ending one is crash-atomic: the decision is stored first, then markers and offsets are written, then the
/// completion is stored; a start finishes every decision it finds. Locks are taken in the order transaction, group, partition.
/// </summary>
internal sealed partial class TransactionCoordinator : IDisposable
{
    // Epochs stay below this, so that fencing can always add one more; then the id is replaced.
    private const short EpochEnd = short.MaxValue - 2;
    private static readonly TimeSpan CompletionRetry = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<string, Transaction> _transactions = new(StringComparer.Ordinal);
    private readonly LocalBrokerOptions _options;
    private readonly TopicCatalog _topics;
    private readonly GroupCoordinator _groups;
    private readonly ProducerIds _producerIds;
    private readonly TransactionJournal _journal;
    private readonly FlushScheduler _flush;
    private readonly ILogger _log;
    private volatile bool _closed;

    public TransactionCoordinator(
        string path, LocalBrokerOptions options, TopicCatalog topics, GroupCoordinator groups, ProducerIds producerIds, StorageContext context)
    {
        (_options, _topics, _groups, _producerIds, _flush, _log) = (options, topics, groups, producerIds, context.Flush, context.Log);
        _journal = new TransactionJournal(path, context);
        IReadOnlyList<Transaction> found = _journal.Load();
        // Before any is restored: from then on others finish them while this goes on.
        AbortForgotten(found);
        foreach (Transaction transaction in found)
            Restore(transaction);
    }

    /// <summary>Largest producer id in use, -1 when there is none.</summary>
    public long LargestProducerId => _transactions.Values.Select(t => t.ProducerId).DefaultIfEmpty(-1).Max();

    /// <summary>The transactional ids that are known now.</summary>
    public IReadOnlyCollection<string> Ids => [.. _transactions.Keys];

    /// <summary>True when nothing that was answered lately may be on the disk.</summary>
    public bool HasFailed => _journal.HasFailed;

    /// <summary>Looks at one transaction while it is held still; null when the id is not known or was never initialised.</summary>
    public T? Read<T>(string id, Func<Transaction, T> read)
        where T : class
    {
        if (_transactions.GetValueOrDefault(id) is not { } transaction)
            return null;
        lock (transaction.Gate)
            return transaction.ProducerId < 0 ? null : read(transaction);
    }

    private long Now => _options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();

    public List<TopicErrors> AddPartitions(Key24AddPartitionsToTxn.Request request, short version)
    {
        Transaction? transaction = _transactions.GetValueOrDefault(request.TransactionalId);
        if (transaction is null)
            return AllPartitions(request.Topics, ErrorCode.InvalidProducerIdMapping);
        lock (transaction.Gate)
        {
            ErrorCode error = CheckProducer(transaction, request.ProducerId, request.Epoch, version);
            if (error != ErrorCode.None)
                return AllPartitions(request.Topics, error);
            TopicPartition[] wanted = [.. request.Topics.SelectMany(t => t.Partitions.Select(p => new TopicPartition(t.Name, p)))];
            // All or nothing.
            if (wanted.Any(p => _topics.Find(p.Topic, p.Partition) is null))
                return [.. request.Topics.Select(t => new TopicErrors(t.Name, [.. t.Partitions.Select(p =>
                    (p, _topics.Find(t.Name, p) is null ? ErrorCode.UnknownTopicOrPartition : ErrorCode.OperationNotAttempted))]))];
            if (transaction.Status == TransactionStatus.Ongoing && wanted.All(transaction.Partitions.Contains))
                return AllPartitions(request.Topics, ErrorCode.None);
            return AllPartitions(request.Topics, Enlist(transaction, () => transaction.Partitions.UnionWith(wanted)));
        }
    }

    public ErrorCode AddGroup(Key25AddOffsetsToTxn.Request request, short version)
    {
        Transaction? transaction = _transactions.GetValueOrDefault(request.TransactionalId);
        if (transaction is null)
            return ErrorCode.InvalidProducerIdMapping;
        lock (transaction.Gate)
        {
            ErrorCode error = CheckProducer(transaction, request.ProducerId, request.Epoch, version);
            if (error != ErrorCode.None)
                return error;
            return transaction.Status == TransactionStatus.Ongoing && transaction.Offsets.ContainsKey(request.Group)
                ? ErrorCode.None
                : Enlist(transaction, () => transaction.Offsets[request.Group] = []);
        }
    }

    public List<TopicErrors> CommitOffsets(Key28TxnOffsetCommit.Request request)
    {
        Transaction? transaction = _transactions.GetValueOrDefault(request.TransactionalId);
        if (transaction is null)
            return AllPartitions(request.Topics, ErrorCode.InvalidProducerIdMapping);
        lock (transaction.Gate)
        {
            // This request never answers 90 in the versions offered.
            ErrorCode error = CheckProducer(transaction, request.ProducerId, request.Epoch, version: 0);
            if (error == ErrorCode.None && (transaction.Status != TransactionStatus.Ongoing || !transaction.Offsets.ContainsKey(request.Group)))
                error = ErrorCode.InvalidTxnState;
            if (error != ErrorCode.None)
                return AllPartitions(request.Topics, error);
            return _groups.Stage(request, offsets => TryChange(transaction, () =>
            {
                foreach ((TopicPartition partition, CommittedOffset offset) in offsets)
                    transaction.Offsets[request.Group][partition] = offset;
            }));
        }
    }

    /// <summary>Appends a transactional batch. Check and append are one step: a batch can never land behind the marker that ends its transaction.</summary>
    public AppendResult Append(string transactionalId, PartitionLog log, Span<byte> batch, in BatchHeader header)
    {
        Transaction? transaction = _transactions.GetValueOrDefault(transactionalId);
        if (transaction is null || transaction.ProducerId != header.ProducerId)
            return AppendResult.Refused(ErrorCode.InvalidProducerIdMapping);
        lock (transaction.Gate)
        {
            if (transaction.Epoch != header.ProducerEpoch)
                return AppendResult.Refused(ErrorCode.InvalidProducerEpoch);
            if (transaction.Status != TransactionStatus.Ongoing || !transaction.Partitions.Contains(new TopicPartition(log.Topic, log.Partition)))
                return AppendResult.Refused(ErrorCode.InvalidTxnState, "The partition is not part of an open transaction of this producer.");
            return log.Append(batch, header);
        }
    }

    public async ValueTask<ErrorCode> EndAsync(Key26EndTxn.Request request, short version)
    {
        Transaction? transaction = _transactions.GetValueOrDefault(request.TransactionalId);
        if (transaction is null)
            return ErrorCode.InvalidProducerIdMapping;
        ErrorCode? repeated = null;
        lock (transaction.Gate)
        {
            if (transaction.ProducerId != request.ProducerId)
                return ErrorCode.InvalidProducerIdMapping;
            if (transaction.Epoch != request.Epoch)
                return Fenced(version);
            if (transaction.Status != TransactionStatus.Ongoing)
                repeated = AnswerRepeatedEnd(transaction.Status, request.Commit);
            else if (!Decide(transaction, request.Commit, transaction.Epoch))
                return ErrorCode.CoordinatorNotAvailable;
        }

        if (repeated is null)
            return await FinishAsync(transaction);
        await _flush.WhenDurableAsync();
        return _journal.HasFailed ? ErrorCode.CoordinatorNotAvailable : repeated.Value;
    }

    /// <summary>Forgets transactional ids that have been idle since the given time.</summary>
    public void ExpireIdle(long before)
    {
        foreach (Transaction transaction in _transactions.Values)
        {
            lock (transaction.Gate)
            {
                bool idle = transaction.Status is TransactionStatus.Empty or TransactionStatus.CompleteCommit or TransactionStatus.CompleteAbort;
                if (!idle || transaction.UpdatedAt >= before || !_transactions.TryRemove(transaction.Id, out _))
                    continue;
                _journal.Remove(transaction.Id);
            }
        }
    }

    public void Dispose()
    {
        _closed = true;
        foreach (Transaction transaction in _transactions.Values)
        {
            lock (transaction.Gate)
                transaction.Timer?.Dispose();
        }

        _journal.Dispose();
    }

    private static ErrorCode Fenced(short version) => version < 2 ? ErrorCode.InvalidProducerEpoch : ErrorCode.ProducerFenced;

    private static List<TopicErrors> AllPartitions(IEnumerable<TopicPartitions> topics, ErrorCode error) =>
        [.. topics.Select(t => new TopicErrors(t.Name, [.. t.Partitions.Select(p => (p, error))]))];

    private static List<TopicErrors> AllPartitions(IEnumerable<TopicOffsets> topics, ErrorCode error) =>
        [.. topics.Select(t => new TopicErrors(t.Name, [.. t.Partitions.Select(p => (p.Partition, error))]))];

    private static ErrorCode AnswerRepeatedEnd(TransactionStatus status, bool commit) => status switch
    {
        TransactionStatus.CompleteCommit when commit => ErrorCode.None,
        TransactionStatus.CompleteAbort when !commit => ErrorCode.None,
        TransactionStatus.PrepareCommit when commit => ErrorCode.ConcurrentTransactions,
        TransactionStatus.PrepareAbort when !commit => ErrorCode.ConcurrentTransactions,
        _ => ErrorCode.InvalidTxnState,
    };

    private static ErrorCode CheckProducer(Transaction transaction, long producerId, short epoch, short version)
    {
        if (transaction.ProducerId != producerId)
            return ErrorCode.InvalidProducerIdMapping;
        if (transaction.Epoch != epoch)
            return Fenced(version);
        return transaction.IsEnding ? ErrorCode.ConcurrentTransactions : ErrorCode.None;
    }

    [LoggerMessage(1, LogLevel.Warning, "Transaction {Id} of producer {ProducerId} timed out and is aborted")]
    private partial void LogExpired(string id, long producerId);

    [LoggerMessage(3, LogLevel.Warning, "{Topic}-{Partition}: a transaction of producer {ProducerId} is open that nobody knows of; it is aborted")]
    private partial void LogForgotten(string topic, int partition, long producerId);

    [LoggerMessage(4, LogLevel.Error, "Transaction {Id} is decided and could not be finished; it is tried again. If this goes on, restart the broker")]
    private partial void LogFinishFailed(Exception e, string id);

    [LoggerMessage(2, LogLevel.Information, "Transaction {Id} was decided before the last end of the broker and is finished now: {Status}")]
    private partial void LogFinishing(string id, TransactionStatus status);
}
