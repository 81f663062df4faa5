using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Tally.Shared.Archive;

namespace Tally.Tests.Integration.Archive;

/// <summary>A SQLite archive in a folder of its own.</summary>
internal sealed class TemporaryArchive : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-archive-");

    public TemporaryArchive()
    {
        Database = Open();
        Reader = new SqlHourArchive(Database);
        Store = new SqlHourStore(Database);
    }

    public string ConnectionString => $"Data Source={Path.Combine(_folder.FullName, "made", "archive.db")}";

    public SqliteArchive Database { get; }

    public SqlHourArchive Reader { get; }

    public SqlHourStore Store { get; }

    /// <summary>Nothing on disk yet.</summary>
    public static TemporaryArchive Missing() => new();

    public static async Task<TemporaryArchive> CreateAsync()
    {
        var archive = new TemporaryArchive();
        await ArchiveMigrations.RunAsync(archive.Database, CancellationToken.None);
        return archive;
    }

    /// <summary>As another process would open it.</summary>
    public SqliteArchive Open() => new(Options.Create(new ArchiveOptions { ConnectionString = ConnectionString, BusyTimeout = TimeSpan.FromSeconds(1) }));

    public async Task<long> ScalarAsync(string sql)
    {
        await using var connection = new SqliteConnection(ConnectionString);
        connection.Open();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return (long)(await command.ExecuteScalarAsync() ?? 0L);
    }

    public ValueTask DisposeAsync()
    {
        Database.Dispose();
        SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}
