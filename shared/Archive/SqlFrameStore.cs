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

    private static object[] Row(Contracts.FrameWindow w) =>
        [w.Generation, w.Kind, w.Start, w.End, w.Version, w.UniqueUsers, w.Frames, (long)w.State, w.StandardError];
}
