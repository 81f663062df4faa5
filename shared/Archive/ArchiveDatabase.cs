using System.Data.Common;

namespace Tally.Shared.Archive;

/// <summary>
/// What differs between databases: opening, transactions, threads. The SQL is the same for all.
/// </summary>
public abstract class ArchiveDatabase
{
    /// <summary>Value of <c>db.system.name</c>.</summary>
    public abstract string System { get; }

    /// <summary>A migration's text as this database takes it.</summary>
    public virtual string Script(string text) => text;

    /// <summary>Runs <paramref name="work"/> in a read transaction: it sees one moment.</summary>
    /// <exception cref="ArchiveNotReadyException">There is no archive yet.</exception>
    public abstract Task<T> ReadAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation);

    /// <summary>
    /// Runs <paramref name="work"/> in a write transaction, committed when it returns, rolled back when it throws. When
    /// <paramref name="cancellation"/> ends the wait, the transaction may still commit.
    /// </summary>
    /// <remarks>Where several may write at once, <paramref name="work"/> is run again when another one came between: it must be repeatable.</remarks>
    public abstract Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation);

    /// <summary>As <see cref="WriteAsync"/>, while no other process is in here.</summary>
    public abstract Task<T> WriteAloneAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation);
}
