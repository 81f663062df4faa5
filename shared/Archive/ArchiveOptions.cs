using System.ComponentModel.DataAnnotations;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Tally.Shared.Archive;

/// <summary>Section <c>Archive</c>: the long-term store.</summary>
public sealed class ArchiveOptions
{
    public const string Section = "Archive";

    /// <summary>
    /// SQLite: <c>Data Source=path</c>, relative to the working folder. PostgreSQL: <c>Host=…;Database=…;Username=…</c> and whatever else Npgsql knows.
    /// May hold a password, so it is never logged.
    /// </summary>
    [Required(AllowEmptyStrings = false,
        ErrorMessage = "Archive:ConnectionString is empty: set it to Data Source=path (SQLite) or Host=name;Database=name;Username=name (PostgreSQL).")]
    public string ConnectionString { get; set; } = "Data Source=data/archive.db";

    /// <summary>How long a call waits for another process's lock, with PostgreSQL for any answer; 100 ms to 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ErrorMessage = "Archive:BusyTimeout must be from 100 ms to 60 seconds.")]
    public TimeSpan BusyTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Reads at once, 1 to 256; more wait.</summary>
    [Range(1, 256, ErrorMessage = "Archive:MaxReads must be from 1 to 256.")]
    public int MaxReads { get; set; } = 4;
}

/// <summary>Which database a connection string means, and whether that database can read it.</summary>
public sealed class ArchiveOptionsCheck : IValidateOptions<ArchiveOptions>
{
    private static readonly string[] PostgresKeys = ["Host", "Server"];

    /// <summary>True for PostgreSQL, false for SQLite.</summary>
    public static bool IsPostgres(string connectionString)
    {
        try
        {
            var parts = new DbConnectionStringBuilder { ConnectionString = connectionString };
            return PostgresKeys.Any(parts.ContainsKey);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    public ValidateOptionsResult Validate(string? name, ArchiveOptions options)
    {
        try
        {
            if (IsPostgres(options.ConnectionString)) return Postgres(new NpgsqlConnectionStringBuilder(options.ConnectionString));
            if (new SqliteConnectionStringBuilder(options.ConnectionString).DataSource.Length > 0) return ValidateOptionsResult.Success;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or InvalidCastException)
        {
            // The exception's own words repeat the value, which may be a secret.
        }
        return ValidateOptionsResult.Fail(
            "Archive:ConnectionString must be Data Source=path of a SQLite file, or Host=name;Database=name;Username=name with further keywords of Npgsql.");
    }

    private static ValidateOptionsResult Postgres(NpgsqlConnectionStringBuilder parts) =>
        string.IsNullOrEmpty(parts.Host) || string.IsNullOrEmpty(parts.Database)
            ? ValidateOptionsResult.Fail("Archive:ConnectionString names no host or no database: set it to Host=name;Database=name;Username=name.")
            : ValidateOptionsResult.Success;
}
