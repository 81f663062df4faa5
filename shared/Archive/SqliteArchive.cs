using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace Tally.Shared.Archive;

/// <summary>
/// SQLite with a write-ahead log: one process writes while others read. Its calls block, so they run on pool threads, a bounded number
/// at once.
/// </summary>
public sealed class SqliteArchive : ArchiveDatabase, IDisposable
{
    private const int CannotOpen = 14;
    private const int GenericError = 1;

    private readonly string _reading;
    private readonly string _writing;
    private readonly string _path;
    private readonly string _pragmas;
    private readonly SemaphoreSlim _reads;
    private readonly SemaphoreSlim _writes = new(1);

    public SqliteArchive(IOptions<ArchiveOptions> options)
    {
        SQLitePCL.Batteries_V2.Init();
        var builder = new SqliteConnectionStringBuilder(options.Value.ConnectionString)
        {
            DefaultTimeout = Math.Max(1, (int)options.Value.BusyTimeout.TotalSeconds),
        };
        _path = builder.DataSource;
        builder.Mode = SqliteOpenMode.ReadOnly;
        _reading = builder.ToString();
        builder.Mode = SqliteOpenMode.ReadWriteCreate;
        _writing = builder.ToString();
        // A power cut may cost the newest commits, never the file; the positions inside it go back along with the rest.
        _pragmas = string.Create(CultureInfo.InvariantCulture,
            $"PRAGMA busy_timeout = {(int)options.Value.BusyTimeout.TotalMilliseconds}; PRAGMA synchronous = NORMAL;");
        _reads = new SemaphoreSlim(options.Value.MaxReads);
    }

    public override string System => "sqlite";

    public override Task<T> ReadAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation) =>
        RunAsync(_reads, () => ReadOnThisThreadAsync(work), cancellation);

    public override Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation) =>
        RunAsync(_writes, () => WriteOnThisThreadAsync(work), cancellation);

    // SQLite has one writer at a time anyway.
    public override Task<T> WriteAloneAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation) => WriteAsync(work, cancellation);

    public void Dispose()
    {
        _reads.Dispose();
        _writes.Dispose();
    }

    /// <summary>The place is given back when the work ends, not when its caller gives up.</summary>
    private static async Task<T> RunAsync<T>(SemaphoreSlim places, Func<Task<T>> work, CancellationToken cancellation)
    {
        await places.WaitAsync(cancellation).ConfigureAwait(false);
        var running = Task.Run(async () =>
        {
            try
            {
                return await work().ConfigureAwait(false);
            }
            finally
            {
                places.Release();
            }
        }, CancellationToken.None);
        _ = running.ContinueWith(t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return await running.WaitAsync(cancellation).ConfigureAwait(false);
    }

    private async Task<T> ReadOnThisThreadAsync<T>(Func<DbTransaction, Task<T>> work)
    {
        try
        {
            await using var connection = Open(_reading);
            await using var transaction = connection.BeginTransaction(deferred: true);
            return await work(transaction).ConfigureAwait(false);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == CannotOpen)
        {
            throw new ArchiveNotReadyException($"There is no archive at {_path} yet: materializer-service makes it.", e);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == GenericError && e.Message.Contains("no such table", StringComparison.Ordinal))
        {
            throw new ArchiveNotReadyException($"The archive at {_path} has no tables yet: materializer-service makes them.", e);
        }
    }

    private async Task<T> WriteOnThisThreadAsync<T>(Func<DbTransaction, Task<T>> work)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(_path)) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
        await using var connection = Open(_writing);
        Execute(connection, "PRAGMA journal_mode = WAL;");
        await using var transaction = connection.BeginTransaction(deferred: false);
        var result = await work(transaction).ConfigureAwait(false);
        transaction.Commit();
        return result;
    }

    private SqliteConnection Open(string connectionString)
    {
        var connection = new SqliteConnection(connectionString);
        try
        {
            connection.Open();
            Execute(connection, _pragmas);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
