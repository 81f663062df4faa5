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
        var rows = await RowsAsync(transaction, generation, hour).ConfigureAwait(false);
        if (rows.Count == 0) return new HourReading(HourState.Absent, default, progress);
        var counts = rows.Aggregate(default(HourCounts), (sum, row) => sum + new HourCounts(row.UniqueUsers, row.Clicks, row.Impressions));
        var countedTo = new long[rows[^1].Partition + 1];
        foreach (var row in rows) countedTo[row.Partition] = row.NextOffset;
        return new HourReading(HourState.Complete, counts, progress, countedTo);
    }, cancellation);

    public Task<SourceProgress> ReadProgressAsync(int generation, CancellationToken cancellation) =>
        ReadAsync(transaction => ArchiveQueries.ProgressAsync(transaction, ArchiveQueries.Analytics, generation), cancellation);

    public Task<HourPartials> ReadPartialsAsync(int generation, long hour, CancellationToken cancellation) => ReadAsync(async transaction =>
    {
        var progress = await ArchiveQueries.ProgressAsync(transaction, ArchiveQueries.Analytics, generation).ConfigureAwait(false);
        var rows = await RowsAsync(transaction, generation, hour).ConfigureAwait(false);
        return new HourPartials(progress, [.. rows.Select(r => r.Of(generation, hour))]);
    }, cancellation);

    public Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation) =>
        ReadAsync(transaction => ArchiveQueries.RecordsAsync(transaction, ArchiveQueries.Analytics), cancellation);

    /// <summary>A row a partition, in their order.</summary>
    private static async Task<IReadOnlyList<PartialRow>> RowsAsync(DbTransaction transaction, int generation, long hour) =>
        (await transaction.Connection!.QueryAsync<PartialRow>(
            """
            SELECT partition AS Partition, next_offset AS NextOffset, clicks AS Clicks, impressions AS Impressions, unique_users AS UniqueUsers
            FROM analytics_hours WHERE generation = @generation AND hour = @hour ORDER BY partition
            """, new { generation, hour }, transaction).ConfigureAwait(false)).AsList();

    private Task<T> ReadAsync<T>(Func<DbTransaction, Task<T>> work, CancellationToken cancellation) => database.ReadAsync(async transaction =>
    {
        if (!_checked)
        {
            await ArchiveMigrations.CheckAsync(transaction).ConfigureAwait(false);
            _checked = true;
        }
        return await work(transaction).ConfigureAwait(false);
    }, cancellation);

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
