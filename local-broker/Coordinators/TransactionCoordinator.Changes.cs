using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Coordinators;

/// <summary>Changes of a transaction, each stored or not made.</summary>
internal sealed partial class TransactionCoordinator
{
    // What could not be stored has not happened: a kill would undo it, and whoever was told otherwise would be wrong.
    private bool TryChange(Transaction transaction, Action change)
    {
        Action takeBack = transaction.Remember();
        bool stored = false;
        try
        {
            change();
            stored = Save(transaction) == ErrorCode.None;
            return stored;
        }
        finally
        {
            if (!stored)
                takeBack();
        }
    }

    // Something joins the transaction, which begins with the first that does.
    private ErrorCode Enlist(Transaction transaction, Action change)
    {
        bool begins = transaction.Status != TransactionStatus.Ongoing;
        bool stored = TryChange(transaction, () =>
        {
            if (begins)
            {
                transaction.Clear();
                transaction.Begin(Now);
                // Whoever writes has the current epoch; nobody may still ask for it by the one before.
                transaction.EpochBeforeInit = -1;
            }

            change();
        });
        if (stored && begins)
            StartTimer(transaction, TimeSpan.FromMilliseconds(transaction.TimeoutMs), () => Expire(transaction));
        return stored ? ErrorCode.None : ErrorCode.CoordinatorNotAvailable;
    }

    private ErrorCode Save(Transaction transaction)
    {
        transaction.UpdatedAt = Now;
        return !_closed && _journal.TrySave(transaction) ? ErrorCode.None : ErrorCode.CoordinatorNotAvailable;
    }
}
