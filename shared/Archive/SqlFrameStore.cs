using Dapper;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>Writes windows of frames to the archive: results, progress and positions in one transaction.</summary>
public sealed class SqlFrameStore(ArchiveDatabase database) : ISinkStore<FramePartial>
{
    public const string StoreName = "frames-archive";

    private const string Windows =
        "INSERT INTO frame_windows (generation, kind, window_start, window_end, version, unique_users, frames, state, standard_error)";

    private const string NewerWindow =
        """
        ON CONFLICT (generation, kind, window_start) DO UPDATE SET version = excluded.version, unique_users = excluded.unique_users,
          frames = excluded.frames, state = excluded.state, standard_error = excluded.standard_error
        WHERE excluded.version > frame_windows.version
        """;

    public string Name => StoreName;

    public long Epoch => 0;

    public Task<IReadOnlyDictionary<int, long>> ReadPositionsAsync(string topic, IReadOnlyList<int> partitions, CancellationToken cancellation) =>
        SqlProgress.ReadPositionsAsync(database, topic, partitions, cancellation);

    public Task<SinkBatchResult> WriteAsync(SinkBatch<FramePartial> batch, CancellationToken cancellation) =>
        new SqlProgress("archive", ArchiveQueries.Frames).WriteAsync(database, batch, p => (p.Window.Generation, p.Partition),
            (_, statements) =>
            {
                statements.Upsert(Windows, NewerWindow, [.. batch.Partials.Select(p => Row(p.Window))]);
                return Task.CompletedTask;
            }, cancellation);

    /// <summary>Makes the tables, and keeps readers from a rebuilt generation that nothing was written of yet. Harmless to repeat.</summary>
    /// <param name="generation">That will be written; 1 is read from its first record on.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task PrepareAsync(int generation, CancellationToken cancellation)
    {
        await ArchiveMigrations.RunAsync(database, cancellation).ConfigureAwait(false);
        if (generation == 1) return;
        await database.WriteAsync(async transaction => await transaction.Connection!.ExecuteAsync(
            """
            INSERT INTO pointer (job, generation) SELECT @underWay, @generation WHERE NOT EXISTS (SELECT 1 FROM progress WHERE job = @job AND generation >= @generation)
            ON CONFLICT (job) DO UPDATE SET generation = excluded.generation
            """, new { underWay = ArchiveQueries.FramesUnderWay, generation, job = ArchiveQueries.Frames }, transaction).ConfigureAwait(false), cancellation).ConfigureAwait(false);
    }

    public Task<bool> TryPointAsync(int generation, CancellationToken cancellation) => database.WriteAsync(async transaction =>
    {
        var underWay = await transaction.Connection!.ExecuteScalarAsync<int?>(
            "SELECT generation FROM pointer WHERE job = @job", new { job = ArchiveQueries.FramesUnderWay }, transaction).ConfigureAwait(false);
        if (underWay != generation) return true;
        var now = await ArchiveQueries.FramesGenerationAsync(transaction).ConfigureAwait(false);
        // It may have begun again in its place meanwhile.
        var newest = await transaction.Connection!.ExecuteScalarAsync<int>(
            "SELECT COALESCE(MAX(generation), 1) FROM progress WHERE job = @job", new { job = ArchiveQueries.Frames }, transaction).ConfigureAwait(false);
        if (!await SqlPointer.IsAsFarAsync(transaction, ArchiveQueries.Frames, now, newest).ConfigureAwait(false)) return false;
        await transaction.Connection!.ExecuteAsync("DELETE FROM pointer WHERE job = @job", new { job = ArchiveQueries.FramesUnderWay }, transaction).ConfigureAwait(false);
        return true;
    }, cancellation);

    private static object[] Row(Contracts.FrameWindow w) =>
        [w.Generation, w.Kind, w.Start, w.End, w.Version, w.UniqueUsers, w.Frames, (long)w.State, w.StandardError];
}
