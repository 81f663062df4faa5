using System.Data.Common;
using System.Globalization;
using System.Reflection;
using Dapper;
using Tally.Shared.Hosting;

namespace Tally.Shared.Archive;

/// <summary>Brings the archive's tables to this version; materializer-service runs it at start.</summary>
public static class ArchiveMigrations
{
    private const string Folder = "Tally.Shared.Archive.Migrations.";

    private static readonly Assembly Assembly = typeof(ArchiveMigrations).Assembly;

    /// <summary>The schema version that this program knows.</summary>
    public static int Known { get; } = Scripts().Max(s => s.Version);

    /// <summary>Runs what is missing, in one transaction. Harmless to repeat and to run from several processes.</summary>
    /// <exception cref="ConfigurationException">The archive was written by a newer version.</exception>
    public static Task RunAsync(ArchiveDatabase database, CancellationToken cancellation) =>
        database.WriteAloneAsync(transaction => MigrateAsync(database, transaction), cancellation);

    /// <summary>Refuses an archive that this version does not read.</summary>
    internal static async Task CheckAsync(DbTransaction transaction)
    {
        var version = await VersionAsync(transaction).ConfigureAwait(false);
        if (version > Known) throw new ArchiveNotReadyException(Newer(version));
        if (version < Known) throw new ArchiveNotReadyException("The archive's tables are from an older version: materializer-service migrates them at its start.");
    }

    private static async Task<int> MigrateAsync(ArchiveDatabase database, DbTransaction transaction)
    {
        var connection = transaction.Connection!;
        await connection.ExecuteAsync("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)", transaction: transaction).ConfigureAwait(false);
        var version = await VersionAsync(transaction).ConfigureAwait(false);
        if (version > Known) throw new ConfigurationException(Newer(version));
        foreach (var script in Scripts().Where(s => s.Version > version).OrderBy(s => s.Version))
        {
            await connection.ExecuteAsync(database.Script(await TextAsync(script.Name).ConfigureAwait(false)), transaction: transaction).ConfigureAwait(false);
            await connection.ExecuteAsync("DELETE FROM schema_version", transaction: transaction).ConfigureAwait(false);
            await connection.ExecuteAsync("INSERT INTO schema_version (version) VALUES (@Version)", new { script.Version }, transaction)
                .ConfigureAwait(false);
        }
        return Known;
    }

    private static Task<int> VersionAsync(DbTransaction transaction) =>
        transaction.Connection!.ExecuteScalarAsync<int>("SELECT COALESCE(MAX(version), 0) FROM schema_version", transaction: transaction)!;

    private static string Newer(int version) =>
        $"The archive has schema version {version}, this program knows {Known}: run the newer program, or point Archive:ConnectionString to another archive.";

    private static IEnumerable<(int Version, string Name)> Scripts() =>
        Assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal))
            .Select(name => (int.Parse(name.AsSpan(Folder.Length, 3), NumberStyles.None, CultureInfo.InvariantCulture), name));

    private static async Task<string> TextAsync(string name)
    {
        using var reader = new StreamReader(Assembly.GetManifestResourceStream(name)!);
        return await reader.ReadToEndAsync().ConfigureAwait(false);
    }
}
