using System.ComponentModel.DataAnnotations;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace Tally.Shared.Archive;

/// <summary>Section <c>Archive</c>: the long-term store.</summary>
public sealed class ArchiveOptions
{
    public const string Section = "Archive";

    /// <summary>SQLite: <c>Data Source=path</c>, relative to the working folder. May hold a password, so it is never logged.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Archive:ConnectionString is empty: set it to Data Source=path of a SQLite file.")]
    public string ConnectionString { get; set; } = "Data Source=data/archive.db";

    /// <summary>How long a call waits for another process's lock, 100 ms to 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ErrorMessage = "Archive:BusyTimeout must be from 100 ms to 60 seconds.")]
    public TimeSpan BusyTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Reads at once, 1 to 256; more wait.</summary>
    [Range(1, 256, ErrorMessage = "Archive:MaxReads must be from 1 to 256.")]
    public int MaxReads { get; set; } = 4;
}

/// <summary>Which database a connection string means.</summary>
public sealed class ArchiveOptionsCheck : IValidateOptions<ArchiveOptions>
{
    private static readonly string[] PostgresStarts = ["Host=", "Server=", "postgres:", "postgresql:"];

    public ValidateOptionsResult Validate(string? name, ArchiveOptions options)
    {
        if (PostgresStarts.Any(start => options.ConnectionString.TrimStart().StartsWith(start, StringComparison.OrdinalIgnoreCase)))
            return ValidateOptionsResult.Fail(
                "Archive:ConnectionString names a PostgreSQL server, which this version does not know yet: set it to Data Source=path of a SQLite file.");
        try
        {
            if (new SqliteConnectionStringBuilder(options.ConnectionString).DataSource.Length > 0) return ValidateOptionsResult.Success;
        }
        catch (Exception e) when (e is ArgumentException or FormatException)
        {
            // The exception's own words repeat the value, which may be a secret.
        }
        return ValidateOptionsResult.Fail("Archive:ConnectionString must be Data Source=path of a SQLite file.");
    }
}
