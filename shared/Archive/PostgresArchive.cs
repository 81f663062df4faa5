using System.Data;
using System.Data.Common;
using Microsoft.Extensions.Options;
using Npgsql;
using Tally.Shared.Hosting;

namespace Tally.Shared.Archive;

/// <summary>
/// PostgreSQL. A transaction sees one moment (repeatable read); one that lost against another is run again. The connection pool is the bound on
/// calls at once, abandoned ones included.
/// </summary>
public sealed class PostgresArchive : ArchiveDatabase, IAsyncDisposable
{
    private const int Attempts = 50;

    /// <summary>Key of the advisory lock of <see cref="WriteAloneAsync"/>: "tally" in ASCII.</summary>
    private const long LockKey = 0x74616C6C79;

    /// <summary>Beside the reads: the sink, a migration, and two to spare.</summary>
    private const int ConnectionsBesideReads = 4;

    private readonly NpgsqlDataSource _source;
    private readonly string _where;

    public PostgresArchive(IOptions<ArchiveOptions> options)
    {
        var builder = Defaults(options.Value);
        var given = new DbConnectionStringBuilder { ConnectionString = options.Value.ConnectionString };
        foreach (string key in given.Keys) builder[key] = given[key];
        _where = $"database {builder.Database} of PostgreSQL at {builder.Host}";
        _source = NpgsqlDataSource.Create(builder);
    }

    public override string System => "postgresql";

    public override string Script(string text) => text.Replace(" BLOB ", " BYTEA ", StringComparison.Ordinal);

    public override async Task<T> ReadAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation)
    {
        try
        {
            return await RunAsync(IsolationLevel.RepeatableRead, work, cancellation).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            throw new ArchiveNotReadyException($"The archive in {_where} has no tables yet: materializer-service makes them.", e);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            throw new ArchiveNotReadyException($"There is no {_where}: make it, materializer-service then makes its tables.", e);
        }
    }

    public override async Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await RunAsync(IsolationLevel.RepeatableRead, work, cancellation).ConfigureAwait(false);
            }
            catch (PostgresException e) when (attempt < Attempts && LostAgainstAnother(e))
            {
            }
        }
    }

    /// <exception cref="ConfigurationException">The database does not exist or does not let us in.</exception>
    public override async Task<T> WriteAloneAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation)
    {
        try
        {
            // Read committed: what the one before us did must be seen after waiting for it.
            return await RunAsync(IsolationLevel.ReadCommitted, async transaction =>
            {
                await using (var command = transaction.Connection!.CreateCommand())
                {
                    command.Transaction = transaction;
                    command.CommandText = $"SELECT pg_advisory_xact_lock({LockKey})";
                    await command.ExecuteNonQueryAsync().ConfigureAwait(false);
                }
                return await work(transaction).ConfigureAwait(false);
            }, cancellation).ConfigureAwait(false);
        }
        catch (PostgresException e) when (Refused(e))
        {
            throw new ConfigurationException($"The archive, {_where}, refuses us ({e.MessageText}): correct Archive:ConnectionString or what the server allows.", e);
        }
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static NpgsqlConnectionStringBuilder Defaults(ArchiveOptions options)
    {
        var patience = Math.Max(1, (int)Math.Ceiling(options.BusyTimeout.TotalSeconds));
        return new NpgsqlConnectionStringBuilder
        {
            ApplicationName = "tally",
            Timeout = patience,
            CommandTimeout = patience,
            MaxPoolSize = options.MaxReads + ConnectionsBesideReads,
            MaxAutoPrepare = 20,
        };
    }

    private static bool LostAgainstAnother(PostgresException e) =>
        e.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected;

    private static bool Refused(PostgresException e) => e.SqlState is PostgresErrorCodes.InvalidPassword
        or PostgresErrorCodes.InvalidAuthorizationSpecification or PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.InsufficientPrivilege;

    /// <summary>Whoever gives up waiting leaves the call behind: it ends by the command's time limit, and its connection counts until then.</summary>
    private async Task<T> RunAsync<T>(IsolationLevel isolation, Func<DbTransaction, Task<T>> work, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var running = OnceAsync(isolation, work);
        _ = running.ContinueWith(t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return await running.WaitAsync(cancellation).ConfigureAwait(false);
    }

    private async Task<T> OnceAsync<T>(IsolationLevel isolation, Func<DbTransaction, Task<T>> work)
    {
        await using var connection = await _source.OpenConnectionAsync().ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(isolation).ConfigureAwait(false);
        var result = await work(transaction).ConfigureAwait(false);
        await transaction.CommitAsync().ConfigureAwait(false);
        return result;
    }
}
