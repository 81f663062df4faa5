using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;

namespace Tally.LocalBroker.Coordinators;

/// <summary>How a producer gets its id and epoch, and how who had them before is fenced.</summary>
internal sealed partial class TransactionCoordinator
{
    public async ValueTask<(ErrorCode Error, long ProducerId, short Epoch)> InitAsync(Key22InitProducerId.Request request)
    {
        if (request.ProducerId < 0 != request.Epoch < 0)
            return (ErrorCode.InvalidRequest, -1, -1);
        if (request.TransactionalId is null)
            return _producerIds.TryNext(out long id) ? (ErrorCode.None, id, (short)0) : (ErrorCode.CoordinatorNotAvailable, -1L, (short)-1);
        if (request.TransactionalId.Length == 0)
            return (ErrorCode.InvalidRequest, -1, -1);
        if (request.TimeoutMs <= 0 || request.TimeoutMs > _options.TransactionTimeoutMax.TotalMilliseconds)
            return (ErrorCode.InvalidTransactionTimeout, -1, -1);
        Transaction transaction = _transactions.GetOrAdd(request.TransactionalId, static id => new Transaction(id));
        (long ProducerId, short Epoch) ending;
        lock (transaction.Gate)
        {
            if (AnswerAtOnce(transaction, request) is { } answer)
                return answer;
            // Fenced first: the abort markers carry the raised epoch, so what the old producer still has on its way is refused.
            if (transaction.Status == TransactionStatus.Ongoing && !Decide(transaction, commit: false, (short)(transaction.Epoch + 1)))
                return (ErrorCode.ConcurrentTransactions, -1, -1);
            if (!transaction.IsEnding)
                return Initialise(transaction, request);
            ending = (transaction.ProducerId, transaction.Epoch);
        }

        await FinishAsync(transaction);
        lock (transaction.Gate)
        {
            // Not done yet, or somebody else was faster, be it the owner who began the next transaction: to be asked again. That aborts what is open and raises
            // the epoch, so no owner can be faster twice.
            return transaction.IsEnding || transaction.Status == TransactionStatus.Ongoing || (transaction.ProducerId, transaction.Epoch) != ending
                ? (ErrorCode.ConcurrentTransactions, -1, -1)
                : Initialise(transaction, request);
        }
    }

    // A repeated question gets its answer again; who names an id or epoch that is not the current one is fenced.
    private (ErrorCode Error, long ProducerId, short Epoch)? AnswerAtOnce(Transaction transaction, Key22InitProducerId.Request request)
    {
        if (request.ProducerId < 0 || transaction.ProducerId < 0)
            return null;
        bool repeated = request.Epoch == transaction.EpochBeforeInit && request.ProducerId == transaction.ProducerId;
        if (repeated && transaction.Status is (TransactionStatus.Empty or TransactionStatus.CompleteAbort))
            return Initialised(transaction, request.TimeoutMs);
        return request.ProducerId == transaction.ProducerId && request.Epoch == transaction.Epoch ? null : (ErrorCode.ProducerFenced, -1L, (short)-1);
    }

    private (ErrorCode Error, long ProducerId, short Epoch) Initialise(Transaction transaction, Key22InitProducerId.Request request)
    {
        (long ProducerId, short Epoch) next = (transaction.ProducerId, (short)(transaction.Epoch + 1));
        if (transaction.ProducerId < 0 || transaction.Epoch >= EpochEnd)
        {
            if (!_producerIds.TryNext(out long fresh))
                return (ErrorCode.CoordinatorNotAvailable, -1, -1);
            next = (fresh, 0);
        }

        short asked = request.ProducerId >= 0 ? request.Epoch : (short)-1;
        return Initialised(transaction, request.TimeoutMs, () => ((transaction.ProducerId, transaction.Epoch), transaction.EpochBeforeInit) = (next, asked));
    }

    private (ErrorCode Error, long ProducerId, short Epoch) Initialised(Transaction transaction, int timeoutMs, Action? change = null)
    {
        bool stored = TryChange(transaction, () =>
        {
            change?.Invoke();
            (transaction.TimeoutMs, transaction.Status) = (timeoutMs, TransactionStatus.Empty);
        });
        return stored ? (ErrorCode.None, transaction.ProducerId, transaction.Epoch) : (ErrorCode.CoordinatorNotAvailable, -1, -1);
    }
}
