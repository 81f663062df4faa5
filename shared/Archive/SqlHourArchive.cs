using System.Data.Common;
using Dapper;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>Reads hours from the archive. Progress and rows belong to one moment.</summary>
public sealed class SqlHourArchive(ArchiveDatabase database) : IHourSource, IHourPartialSource, IProgressRecordSource
{
    private volatile bool _checked;

    public string Name => "archive";

    /// <exception cref="ArchiveNotReadyException">There is no archive yet, or a newer version wrote it.</exception>
    public Task<HourReading> ReadAsync(long hour, CancellationToken cancellation) => ReadAsync(async transaction =>
    {
        var generation = await ArchiveQueries.GenerationAsync(transaction, ArchiveQueries.Analytics).ConfigureAwait(false);
        var progress = await ArchiveQueries.ProgressAsync(transaction, ArchiveQueries.Analytics, generation).ConfigureAwait(false);
        var row = await transaction.Connection!.QuerySingleAsync<TotalsRow>(
            """
            SELECT COUNT(*) AS Rows, CAST(COALESCE(SUM(unique_users), 0) AS BIGINT) AS UniqueUsers,
                   CAST(COALESCE(SUM(clicks), 0) AS BIGINT) AS Clicks, CAST(COALESCE(SUM(impressions), 0) AS BIGINT) AS Impressions
            FROM analytics_hours WHERE generation = @generation AND hour = @hour
            """, new { generation, hour }, transaction).ConfigureAwait(false);
        return new HourReading(
            row.Rows == 0 ? HourState.Absent : HourState.Complete, new HourCounts(row.UniqueUsers, row.Clicks, row.Impressions), progress);
    }, cancellation);

    public Task<SourceProgress> ReadProgressAsync(int generation, CancellationToken cancellation) =>
        ReadAsync(transaction => ArchiveQueries.ProgressAsync(transaction, ArchiveQueries.Analytics, generation), cancellation);

    public Task<HourPartials> ReadPartialsAsync(int generation, long hour, CancellationToken cancellation) => ReadAsync(async transaction =>
    {
        var progress = await ArchiveQueries.ProgressAsync(transaction, ArchiveQueries.Analytics, generation).ConfigureAwait(false);
        var rows = await transaction.Connection!.QueryAsync<PartialRow>(
            """
            SELECT partition AS Partition, next_offset AS NextOffset, clicks AS Clicks, impressions AS Impressions, unique_users AS UniqueUsers
            FROM analytics_hours WHERE generation = @generation AND hour = @hour ORDER BY partition
            """, new { generation, hour }, transaction).ConfigureAwait(false);
        return new HourPartials(progress, [.. rows.Select(r => r.Of(generation, hour))]);
    }, cancellation);

    public Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation) =>
        ReadAsync(transaction => ArchiveQueries.RecordsAsync(transaction, ArchiveQueries.Analytics), cancellation);

    private Task<T> ReadAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation) => database.ReadAsync(async transaction =>
    {
        if (!_checked)
        {
            await ArchiveMigrations.CheckAsync(transaction).ConfigureAwait(false);
            _checked = true;
        }
        return await work(transaction).ConfigureAwait(false);
    }, cancellation);

    private sealed record TotalsRow(long Rows, long UniqueUsers, long Clicks, long Impressions);

    private sealed record PartialRow(long Partition, long NextOffset, long Clicks, long Impressions, long UniqueUsers)
    {
        public HourPartial Of(int generation, long hour) => new()
        {
            Generation = generation,
            Hour = hour,
            Partition = (int)Partition,
            NextOffset = NextOffset,
            Clicks = Clicks,
            Impressions = Impressions,
            UniqueUsers = UniqueUsers,
        };
    }
}
