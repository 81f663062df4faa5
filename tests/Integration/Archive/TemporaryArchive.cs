using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Npgsql;
using Tally.Shared.Archive;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Archive;

/// <summary>An archive of its own: a SQLite file in a new folder, or a new database of a PostgreSQL.</summary>
internal sealed class TemporaryArchive : IAsyncDisposable
{
    private readonly DirectoryInfo? _folder;
    private readonly List<ArchiveDatabase> _opened = [];

    private TemporaryArchive(string connectionString, DirectoryInfo? folder)
    {
        _folder = folder;
        ConnectionString = connectionString;
        Database = Open();
        Reader = new SqlHourArchive(Database);
        Store = new SqlHourStore(Database);
        Sketches = new SqlSketchStore(Database);
        Ranges = new SqlRangeArchive(Database);
    }

    public string ConnectionString { get; }

    public ArchiveDatabase Database { get; }

    public SqlHourArchive Reader { get; }

    public SqlHourStore Store { get; }

    public SqlSketchStore Sketches { get; }

    public SqlRangeArchive Ranges { get; }

    public bool IsPostgres => _folder is null;

    /// <summary>SQLite, nothing on disk yet.</summary>
    public static TemporaryArchive Missing()
    {
        var folder = Directory.CreateTempSubdirectory("tally-archive-");
        return new TemporaryArchive($"Data Source={Path.Combine(folder.FullName, "made", "archive.db")}", folder);
    }

    /// <summary>A database of <paramref name="server"/>, SQLite without one; no tables yet.</summary>
    public static async Task<TemporaryArchive> EmptyAsync(PostgresServer? server) =>
        server is null ? Missing() : new TemporaryArchive(await server.CreateDatabaseAsync(), folder: null);

    /// <summary>As <see cref="EmptyAsync"/>, with its tables.</summary>
    public static async Task<TemporaryArchive> CreateAsync(PostgresServer? server = null)
    {
        var archive = await EmptyAsync(server);
        await ArchiveMigrations.RunAsync(archive.Database, CancellationToken.None);
        return archive;
    }

    /// <summary>As another process would open it.</summary>
    /// <param name="busyTimeout">How long it waits for a lock; a second when not given.</param>
    public ArchiveDatabase Open(TimeSpan? busyTimeout = null)
    {
        var database = ArchiveRegistration.Open(Options.Create(new ArchiveOptions { ConnectionString = ConnectionString, BusyTimeout = busyTimeout ?? TimeSpan.FromSeconds(1) }));
        _opened.Add(database);
        return database;
    }

    /// <summary>Takes the file away under everybody who has it open.</summary>
    public void DeleteFiles()
    {
        foreach (var file in _folder!.EnumerateFiles("archive.db*", SearchOption.AllDirectories)) file.Delete();
    }

    /// <summary>Puts this archive's file where the other's was; this one ends.</summary>
    public async Task MoveToAsync(TemporaryArchive other)
    {
        SqliteConnection.ClearAllPools();
        File.Move(FilePath, other.FilePath);
        await DisposeAsync();
    }

    /// <summary>Something else where the file, or the folder it lies in, should be.</summary>
    public async Task WriteFileAsync(string text, bool inPlaceOfFolder = false)
    {
        var file = inPlaceOfFolder ? Path.GetDirectoryName(FilePath)! : FilePath;
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await File.WriteAllTextAsync(file, text);
    }

    private string FilePath => Path.Combine(_folder!.FullName, "made", "archive.db");

    public async Task<long> ScalarAsync(string sql)
    {
        await using DbConnection connection = IsPostgres ? new NpgsqlConnection(ConnectionString) : new SqliteConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(await command.ExecuteScalarAsync() ?? 0L, CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _opened)
        {
            if (database is IAsyncDisposable later) await later.DisposeAsync();
            else ((IDisposable)database).Dispose();
        }
        if (_folder is null) return;
        SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }
}
