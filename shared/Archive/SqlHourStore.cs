using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>Writes hours to the archive: partials, progress and positions in one transaction.</summary>
public sealed class SqlHourStore(ArchiveDatabase database) : ISinkStore<HourPartial>
{
    private const string Partials = "INSERT INTO analytics_hours (generation, hour, partition, next_offset, clicks, impressions, unique_users)";

    // The generation is part of the key, so that newer means a greater offset.
    private const string NewerPartial =
        """
        ON CONFLICT (generation, hour, partition) DO UPDATE SET next_offset = excluded.next_offset, clicks = excluded.clicks,
          impressions = excluded.impressions, unique_users = excluded.unique_users
        WHERE excluded.next_offset > analytics_hours.next_offset
        """;

    public string Name => "archive";

    public long Epoch => 0;

    /// <summary>Makes the tables, and mends days that hours of an older version are not in. Harmless to repeat and to run from several processes.</summary>
    public async Task PrepareAsync(CancellationToken cancellation)
    {
        await ArchiveMigrations.RunAsync(database, cancellation).ConfigureAwait(false);
        await SqlDays.MendAsync(database, cancellation).ConfigureAwait(false);
    }

    public Task<IReadOnlyDictionary<int, long>> ReadPositionsAsync(string topic, IReadOnlyList<int> partitions, CancellationToken cancellation) =>
        SqlProgress.ReadPositionsAsync(database, topic, partitions, cancellation);

    public Task<SinkBatchResult> WriteAsync(SinkBatch<HourPartial> batch, CancellationToken cancellation) =>
        new SqlProgress(Name, ArchiveQueries.Analytics).WriteAsync(database, batch, p => (p.Generation, p.Partition), (_, statements) =>
        {
            statements.Upsert(Partials, NewerPartial,
                [.. batch.Partials.Select(p => (object[])[p.Generation, p.Hour, p.Partition, p.NextOffset, p.Clicks, p.Impressions, p.UniqueUsers])]);
            SqlDays.Sum(statements, batch.Partials);
            return Task.CompletedTask;
        }, cancellation);

    public Task<bool> TryPointAsync(int generation, CancellationToken cancellation) =>
        SqlPointer.TryMoveAsync(database, ArchiveQueries.Analytics, generation, cancellation);
}
