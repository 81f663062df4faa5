using System.Data.Common;
using Dapper;
using Google.Protobuf;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>Statements that reading and writing share.</summary>
internal static class ArchiveQueries
{
    /// <summary>Values of the column <c>job</c>.</summary>
    public const string Analytics = "analytics";
    public const string Flows = "flows";
    public const string Frames = "frames";
    public const string Sketches = "sketches";

    /// <summary>Its pointer is the generation of the frames that is written and not read yet; there is none else.</summary>
    public const string FramesUnderWay = "frames-under-way";

    /// <summary>Of the frames readers use the newest one that is not under way: a counting that began again in its place from its first record on.</summary>
    public static async Task<int> FramesGenerationAsync(DbTransaction transaction) => await transaction.Connection!.ExecuteScalarAsync<int>(
        """
        SELECT COALESCE(MAX(generation), 1) FROM progress
        WHERE job = @job AND generation < COALESCE((SELECT generation FROM pointer WHERE job = @underWay), 9223372036854775807)
        """, new { job = Frames, underWay = FramesUnderWay }, transaction).ConfigureAwait(false);

    public static async Task<int> GenerationAsync(DbTransaction transaction, string job) =>
        await transaction.Connection!.ExecuteScalarAsync<int?>(
            "SELECT generation FROM pointer WHERE job = @job", new { job }, transaction).ConfigureAwait(false) ?? 1;

    public static async Task<SourceProgress> ProgressAsync(DbTransaction transaction, string job, int generation)
    {
        var rows = (await transaction.Connection!.QueryAsync<ProgressRow>(
            """
            SELECT partition AS Partition, next_offset AS NextOffset, as_of_ms AS AsOfMs, position AS Position, partition_count AS PartitionCount
            FROM progress WHERE job = @job AND generation = @generation
            """, new { job, generation }, transaction).ConfigureAwait(false)).AsList();
        var count = Math.Max(rows.Select(r => r.PartitionCount).DefaultIfEmpty().Max(), rows.Select(r => r.Partition + 1).DefaultIfEmpty().Max());
        return new SourceProgress((int)count, rows.Select(r => new PartitionProgress(generation, (int)r.Partition, r.NextOffset, r.AsOfMs, r.Position)));
    }

    /// <summary>The newest record of each partition that has one, of the generation that readers use.</summary>
    public static async Task<IReadOnlyList<Progress>> RecordsAsync(DbTransaction transaction, string job)
    {
        var generation = await GenerationAsync(transaction, job).ConfigureAwait(false);
        var records = await transaction.Connection!.QueryAsync<string>(
            "SELECT record FROM progress WHERE job = @job AND generation = @generation AND record <> '' ORDER BY partition",
            new { job, generation }, transaction).ConfigureAwait(false);
        return [.. records.Select(r => JsonParser.Default.Parse<Progress>(r))];
    }

    /// <summary>Both databases give these integers as 64 bits.</summary>
    private sealed record ProgressRow(long Partition, long NextOffset, long AsOfMs, long Position, long PartitionCount);
}
