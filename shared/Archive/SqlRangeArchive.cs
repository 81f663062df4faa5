using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Dapper;
using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.Shared.Archive;

/// <summary>Reads ranges of hours and days from the archive.</summary>
public sealed class SqlRangeArchive(ArchiveDatabase database) : IRangeSource
{
    private const string Hours =
        """
        SELECT hour AS Start, partition AS Partition, clicks AS Clicks, impressions AS Impressions, unique_users AS HourUsers, unique_users AS MostUsers,
               CAST(CASE WHEN unique_users > 0 THEN 1 ELSE 0 END AS BIGINT) AS BusyHours,
               unique_users AS Estimate, CAST(0 AS DOUBLE PRECISION) AS StandardError, unique_users AS SketchedUsers
        FROM analytics_hours WHERE generation = @generation AND hour >= @from AND hour < @to ORDER BY hour, partition
        """;

    private const string Days =
        """
        SELECT d.day * 24 AS Start, d.partition AS Partition, d.clicks AS Clicks, d.impressions AS Impressions, d.hour_users AS HourUsers,
               d.most_users AS MostUsers, d.busy_hours AS BusyHours, COALESCE(s.estimate, 0) AS Estimate,
               COALESCE(s.standard_error, 0.0) AS StandardError, COALESCE(s.hour_users, 0) AS SketchedUsers
        FROM analytics_days d
        LEFT JOIN analytics_sketches s ON s.generation = d.generation AND s.span = 1 AND s.start = d.day * 24 AND s.partition = d.partition
        WHERE d.generation = @generation AND d.day >= @from / 24 AND d.day < @to / 24 ORDER BY d.day, d.partition
        """;

    private volatile bool _checked;

    public Task<RangeBegin> BeginAsync(CancellationToken cancellation) => ReadAsync(async transaction =>
    {
        var generation = await ArchiveQueries.GenerationAsync(transaction, ArchiveQueries.Analytics).ConfigureAwait(false);
        return new RangeBegin(generation, await ArchiveQueries.ProgressAsync(transaction, ArchiveQueries.Analytics, generation).ConfigureAwait(false));
    }, cancellation);

    public Task<IReadOnlyList<SpanCounts>> ReadCountsAsync(int generation, SpanRun run, CancellationToken cancellation) =>
        ReadAsync<IReadOnlyList<SpanCounts>>(async transaction =>
        {
            var rows = await transaction.Connection!.QueryAsync<CountsRow>(
                run.Kind == SpanKind.Hour ? Hours : Days, new { generation, from = run.From, to = run.To }, transaction).ConfigureAwait(false);
            return [.. rows.Select(r => r.Of())];
        }, cancellation);

    public Task<IReadOnlyList<StoredSketch>> ReadSketchesAsync(int generation, SpanRun run, StoredSketch? after, int rows, CancellationToken cancellation) =>
        ReadAsync<IReadOnlyList<StoredSketch>>(async transaction =>
        {
            var found = await transaction.Connection!.QueryAsync<SketchRow>(
                """
                SELECT start AS Start, partition AS Partition, hour_users AS HourUsers, sketch AS Sketch FROM analytics_sketches
                WHERE generation = @generation AND span = @span AND start < @to AND (start, partition) > (@start, @partition)
                ORDER BY start, partition LIMIT @rows
                """,
                new { generation, span = (long)run.Kind, to = run.To, start = after?.Start ?? run.From, partition = after?.Partition ?? -1, rows },
                transaction).ConfigureAwait(false);
            return [.. found.Select(r => new StoredSketch(r.Start, (int)r.Partition, r.HourUsers, r.Sketch))];
        }, cancellation);

    private Task<T> ReadAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation) => database.ReadAsync(async transaction =>
    {
        if (!_checked)
        {
            await ArchiveMigrations.CheckAsync(transaction).ConfigureAwait(false);
            _checked = true;
        }
        return await work(transaction).ConfigureAwait(false);
    }, cancellation);

    [SuppressMessage("Performance", "CA1812", Justification = "Dapper makes it.")]
    private sealed record CountsRow(
        long Start, long Partition, long Clicks, long Impressions, long HourUsers, long MostUsers, long BusyHours, long Estimate, double StandardError,
        long SketchedUsers)
    {
        public SpanCounts Of() => new(
            Start, (int)Partition, Clicks, Impressions, new SpanUsers(HourUsers, MostUsers, BusyHours, Estimate, StandardError, SketchedUsers));
    }

    [SuppressMessage("Performance", "CA1812", Justification = "Dapper makes it.")]
    private sealed record SketchRow(long Start, long Partition, long HourUsers, byte[] Sketch);
}
