using System.Data.Common;
using Dapper;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>Statements that reading and writing share.</summary>
internal static class ArchiveQueries
{
    /// <summary>Value of the column <c>job</c> for the hourly analytics.</summary>
    public const string Job = "analytics";

    public static async Task<int> GenerationAsync(DbTransaction transaction) =>
        await transaction.Connection!.ExecuteScalarAsync<int?>(
            "SELECT generation FROM pointer WHERE job = @Job", new { Job }, transaction).ConfigureAwait(false) ?? 1;

    public static async Task<SourceProgress> ProgressAsync(DbTransaction transaction, int generation)
    {
        var rows = (await transaction.Connection!.QueryAsync<ProgressRow>(
            """
            SELECT partition AS Partition, next_offset AS NextOffset, as_of_ms AS AsOfMs, position AS Position, partition_count AS PartitionCount
            FROM progress WHERE job = @Job AND generation = @generation
            """, new { Job, generation }, transaction).ConfigureAwait(false)).AsList();
        var count = Math.Max(rows.Select(r => r.PartitionCount).DefaultIfEmpty().Max(), rows.Select(r => r.Partition + 1).DefaultIfEmpty().Max());
        return new SourceProgress((int)count, rows.Select(r => new PartitionProgress(generation, (int)r.Partition, r.NextOffset, r.AsOfMs, r.Position)));
    }

    /// <summary>Both databases give these integers as 64 bits.</summary>
    private sealed record ProgressRow(long Partition, long NextOffset, long AsOfMs, long Position, long PartitionCount);
}
