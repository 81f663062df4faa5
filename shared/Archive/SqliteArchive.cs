using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;

namespace Tally.Shared.Archive;

/// <summary>
/// SQLite with a write-ahead log: one process writes while others read. Its calls block, so they run on pool threads, a bounded number
/// at once.
/// </summary>
public sealed class SqliteArchive : ArchiveDatabase, IDisposable
{
    private const int CannotOpen = 14;
    private const int GenericError = 1;

    /// <summary>No permission, no file that opens, not writable, damaged, no database: only a person can mend them.</summary>
    private static readonly int[] Refusals = [3, 8, 11, CannotOpen, 23, 26];

    private readonly string _reading;
    private readonly string _writing;
    private readonly string _path;
    private readonly string _pragmas;
    private readonly SemaphoreSlim _reads;
    private readonly SemaphoreSlim _writes = new(1);
    private readonly Lock _file = new();
    private DateTime _made;

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

    // It has no collation of that name, and compares bytes without one.
    public override string Script(string text) => text.Replace("COLLATE \"C\"", "", StringComparison.Ordinal);

    public override Task<T> ReadAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation) =>
        RunAsync(_reads, () => ReadOnThisThreadAsync(work), cancellation);

    public override Task<T> WriteAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation) =>
        RunAsync(_writes, () => WriteOnThisThreadAsync(work), cancellation);

    // SQLite has one writer at a time anyway.
    /// <exception cref="ConfigurationException">There can be no archive at that path.</exception>
    public override async Task<T> WriteAloneAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation)
    {
        try
        {
            return await WriteAsync(work, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException || e is SqliteException s && Refusals.Contains(s.SqliteErrorCode))
        {
            throw new ConfigurationException(
                $"The archive {_path} cannot be used ({e.Message.TrimEnd('.')}): point Archive:ConnectionString to a SQLite file or a new one, in a folder that may be written.", e);
        }
    }

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
        catch (SqliteException e) when (HasNoTables(e))
        {
            throw NoTables(e);
        }
    }

    private async Task<T> WriteOnThisThreadAsync<T>(Func<DbTransaction, Task<T>> work)
    {
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(_path)) is { Length: > 0 } folder) Directory.CreateDirectory(folder);
            await using var connection = Open(_writing);
            Execute(connection, "PRAGMA journal_mode = WAL;");
            await using var transaction = connection.BeginTransaction(deferred: false);
            try
            {
                var result = await work(transaction).ConfigureAwait(false);
                transaction.Commit();
                return result;
            }
            catch (SqliteException)
            {
                EndRolledBack(connection, transaction);
                throw;
            }
        }
        catch (SqliteException e) when (HasNoTables(e))
        {
            throw NoTables(e);
        }
    }

    /// <summary>
    /// SQLite itself rolls back what fails for a full disk. Newer clients know; older ones roll back once more when the transaction is disposed, and where there is none that
    /// fails, hides the reason and keeps the connection.
    /// </summary>
    private static void EndRolledBack(SqliteConnection connection, SqliteTransaction transaction)
    {
        if (SQLitePCL.raw.sqlite3_get_autocommit(connection.Handle) == 0) return;
        try
        {
            transaction.Dispose();
        }
        catch (SqliteException)
        {
            Execute(connection, "BEGIN;");
        }
    }

    private static bool HasNoTables(SqliteException e) =>
        e.SqliteErrorCode == GenericError && e.Message.Contains("no such table", StringComparison.Ordinal);

    private ArchiveNotReadyException NoTables(SqliteException e) => new($"The archive at {_path} has no tables yet: materializer-service makes them.", e);

    /// <summary>Pooled connections would go on with a file that was deleted or replaced, which nobody else sees.</summary>
    private void LeaveReplacedFile()
    {
        lock (_file)
        {
            // For a missing file the year 1601.
            var made = File.GetCreationTimeUtc(_path);
            if (made == _made) return;
            _made = made;
            foreach (var pool in (string[])[_reading, _writing])
            {
                using var connection = new SqliteConnection(pool);
                SqliteConnection.ClearPool(connection);
            }
        }
    }

    private SqliteConnection Open(string connectionString)
    {
        LeaveReplacedFile();
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
