using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Dapper;
using Google.Protobuf;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>
/// Reads windows of frames from the archive, a page at a time in the order of their starts. What is in a page belongs to one moment. Counting that
/// began again is a new generation, and the newest one is read from its first record on; one that a rebuild counts beside it, once it has come as far.
/// </summary>
public sealed class SqlFrameArchive(ArchiveDatabase database) : IFrameSource, IProgressRecordSource
{
    private volatile bool _checked;

    public string Name => "archive";

    public string Job => ArchiveQueries.Frames;

    /// <exception cref="ArchiveNotReadyException">There is no archive yet, or a newer version wrote it.</exception>
    public Task<FramePage> ReadAsync(string kind, long from, long to, int? generation, int rows, CancellationToken cancellation) => ReadAsync(async transaction =>
    {
        var of = generation ?? await ArchiveQueries.FramesGenerationAsync(transaction).ConfigureAwait(false);
        var progress = await ArchiveQueries.ProgressAsync(transaction, ArchiveQueries.Frames, of).ConfigureAwait(false);
        var found = await transaction.Connection!.QueryAsync<WindowRow>(
            """
            SELECT window_start AS Start, window_end AS WindowEnd, unique_users AS UniqueUsers, frames AS Frames, state AS State, standard_error AS StandardError
            FROM frame_windows WHERE generation = @generation AND kind = @kind AND window_start >= @from AND window_start < @to
            ORDER BY window_start LIMIT @rows
            """, new { generation = of, kind, from, to, rows }, transaction).ConfigureAwait(false);
        return new FramePage(of, progress, [.. found.Select(r => r.Of(kind))]);
    }, cancellation);

    public Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation) => ReadAsync<IReadOnlyList<Progress>>(async transaction =>
    {
        var generation = await ArchiveQueries.FramesGenerationAsync(transaction).ConfigureAwait(false);
        var records = await transaction.Connection!.QueryAsync<string>(
            "SELECT record FROM progress WHERE job = @job AND generation = @generation AND record <> '' ORDER BY partition",
            new { job = ArchiveQueries.Frames, generation }, transaction).ConfigureAwait(false);
        return [.. records.Select(r => JsonParser.Default.Parse<Progress>(r))];
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
    private sealed record WindowRow(long Start, long WindowEnd, long UniqueUsers, long Frames, long State, double StandardError)
    {
        public FrameWindow Of(string kind) => new()
        {
            Kind = kind,
            Start = Start,
            End = WindowEnd,
            UniqueUsers = UniqueUsers,
            Frames = Frames,
            State = (FrameWindowState)State,
            StandardError = StandardError,
        };
    }
}
