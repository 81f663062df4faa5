using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Dapper;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>Reads flows from the archive, a page at a time in the order of their names. What is in a page belongs to one moment.</summary>
public sealed class SqlFlowArchive(ArchiveDatabase database) : IProgressRecordSource
{
    private volatile bool _checked;

    public string Name => "archive";

    public string Job => ArchiveQueries.Flows;

    /// <param name="hour">As the clients count hours.</param>
    /// <param name="after">The last row of the page before; null for the first page.</param>
    /// <param name="rows">Most rows of the page; fewer are the last ones.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="ArchiveNotReadyException">There is no archive yet, or a newer version wrote it.</exception>
    public Task<FlowPage> ReadAsync(long hour, FlowPosition? after, int rows, CancellationToken cancellation) => ReadAsync(async transaction =>
    {
        // A rebuild may have moved the pointer since: an answer keeps to the generation it began with.
        var generation = after?.Generation ?? await ArchiveQueries.GenerationAsync(transaction, ArchiveQueries.Flows).ConfigureAwait(false);
        var progress = await ArchiveQueries.ProgressAsync(transaction, ArchiveQueries.Flows, generation).ConfigureAwait(false);
        var found = await transaction.Connection!.QueryAsync<SumRow>(
            $"""
            SELECT src_app AS SrcApp, dest_app AS DestApp, vpc_id AS VpcId, partition AS Partition, next_offset AS NextOffset,
                   bytes_tx AS BytesTx, bytes_rx AS BytesRx, saturated AS Saturated
            FROM flow_sums WHERE generation = @generation AND hour = @hour
            {(after is null ? "" : "AND (src_app, dest_app, vpc_id, partition) > (@src, @dest, @vpc, @partition)")}
            ORDER BY src_app, dest_app, vpc_id, partition LIMIT @rows
            """,
            new { generation, hour, src = after?.Name.SrcApp, dest = after?.Name.DestApp, vpc = after?.Name.VpcId, partition = after?.Partition, rows },
            transaction).ConfigureAwait(false);
        return new FlowPage(generation, progress, [.. found.Select(r => r.Of(generation, hour))]);
    }, cancellation);

    /// <summary>How far the flows are that <see cref="ReadAsync(long, FlowPosition?, int, CancellationToken)"/> would give.</summary>
    public Task<SourceProgress> ReadProgressAsync(CancellationToken cancellation) => ReadAsync(async transaction =>
        await ArchiveQueries.ProgressAsync(transaction, ArchiveQueries.Flows,
            await ArchiveQueries.GenerationAsync(transaction, ArchiveQueries.Flows).ConfigureAwait(false)).ConfigureAwait(false), cancellation);

    public Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation) =>
        ReadAsync(transaction => ArchiveQueries.RecordsAsync(transaction, ArchiveQueries.Flows), cancellation);

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
    private sealed record SumRow(
        string SrcApp, string DestApp, string VpcId, long Partition, long NextOffset, long BytesTx, long BytesRx, long Saturated)
    {
        public FlowPartial Of(int generation, long hour) => new(hour, new FlowName(SrcApp, DestApp, VpcId), (int)Partition, new FlowSum
        {
            Generation = generation,
            NextOffset = NextOffset,
            BytesTx = BytesTx,
            BytesRx = BytesRx,
            Saturated = Saturated != 0,
        });
    }
}

/// <summary>Where a page ended.</summary>
public sealed record FlowPosition(int Generation, FlowName Name, int Partition);

/// <summary>Rows of one hour in order; <paramref name="Progress"/> belongs to the same moment.</summary>
public sealed record FlowPage(int Generation, SourceProgress Progress, IReadOnlyList<FlowPartial> Rows);
