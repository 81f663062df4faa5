using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Dapper;
using Google.Protobuf;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>Writes hours to the archive: partials, progress and positions in one transaction.</summary>
public sealed class SqlHourStore(ArchiveDatabase database) : IHourStore
{
    private const string Partials = "INSERT INTO analytics_hours (generation, hour, partition, next_offset, clicks, impressions, unique_users)";

    // The generation is part of the key, so that newer means a greater offset.
    private const string NewerPartial =
        """
        ON CONFLICT (generation, hour, partition) DO UPDATE SET next_offset = excluded.next_offset, clicks = excluded.clicks,
          impressions = excluded.impressions, unique_users = excluded.unique_users
        WHERE excluded.next_offset > analytics_hours.next_offset
        """;

    private const string Progress =
        "INSERT INTO progress (job, generation, partition, next_offset, as_of_ms, position, partition_count, record)";

    private const string NewerProgress =
        """
        ON CONFLICT (job, generation, partition) DO UPDATE SET next_offset = excluded.next_offset, as_of_ms = excluded.as_of_ms,
          partition_count = excluded.partition_count, record = excluded.record
        WHERE excluded.next_offset > progress.next_offset
          OR (excluded.next_offset = progress.next_offset AND excluded.as_of_ms > progress.as_of_ms)
        """;

    private const string LaterPosition =
        "ON CONFLICT (job, generation, partition) DO UPDATE SET position = excluded.position WHERE excluded.position > progress.position";

    private const string Positions = "INSERT INTO positions (topic, partition, position)";

    private const string LaterRead =
        "ON CONFLICT (topic, partition) DO UPDATE SET position = excluded.position WHERE excluded.position > positions.position";

    public string Name => "archive";

    public long Epoch => 0;

    public Task<IReadOnlyDictionary<int, long>> ReadPositionsAsync(string topic, IReadOnlyList<int> partitions, CancellationToken cancellation) =>
        database.ReadAsync<IReadOnlyDictionary<int, long>>(async transaction =>
        {
            var stored = await PositionsAsync(transaction, topic).ConfigureAwait(false);
            return partitions.ToDictionary(p => p, p => stored.GetValueOrDefault(p));
        }, cancellation);

    public Task<HourBatchResult> WriteAsync(HourBatch batch, CancellationToken cancellation) => database.WriteAsync(async transaction =>
    {
        var stored = await PositionsAsync(transaction, batch.Topic).ConfigureAwait(false);
        if (batch.Ranges.Any(r => stored.GetValueOrDefault(r.Partition) < r.From))
            return new HourBatchResult(false, batch.Ranges.ToDictionary(r => r.Partition, r => stored.GetValueOrDefault(r.Partition)));
        await RefuseRegressionAsync(transaction, batch, stored).ConfigureAwait(false);

        await SqlRows.UpsertAsync(transaction, Partials, NewerPartial,
            [.. batch.Partials.Select(p => (object[])[p.Generation, p.Hour, p.Partition, p.NextOffset, p.Clicks, p.Impressions, p.UniqueUsers])])
            .ConfigureAwait(false);
        await WriteProgressAsync(transaction, batch).ConfigureAwait(false);
        await SqlRows.UpsertAsync(transaction, Positions, LaterRead,
            [.. batch.Ranges.Select(r => (object[])[batch.Topic, r.Partition, r.To])]).ConfigureAwait(false);
        return HourBatchResult.Done;
    }, cancellation);

    private static async Task WriteProgressAsync(DbTransaction transaction, HourBatch batch)
    {
        await SqlRows.UpsertAsync(transaction, Progress, NewerProgress,
            [.. batch.Progress.Select(p => (object[])
                [ArchiveQueries.Job, p.Generation, p.Partition, p.NextOffset, p.AsOfMs, 0L, p.PartitionCount, JsonFormatter.Default.Format(p)])])
            .ConfigureAwait(false);
        // A partition whose partials came without a progress record still tells how far it was read.
        var read = batch.Ranges.ToDictionary(r => r.Partition, r => r.To);
        var seen = batch.Progress.Select(p => (p.Generation, p.Partition)).Concat(batch.Partials.Select(p => (p.Generation, p.Partition))).Distinct();
        await SqlRows.UpsertAsync(transaction, Progress, LaterPosition,
            [.. seen.Select(s => (object[])[ArchiveQueries.Job, s.Generation, s.Partition, 0L, 0L, read[s.Partition], 0, ""])]).ConfigureAwait(false);
    }

    private async Task RefuseRegressionAsync(DbTransaction transaction, HourBatch batch, Dictionary<int, long> stored)
    {
        foreach (var generation in batch.Progress.GroupBy(p => p.Generation))
        {
            var held = await ArchiveQueries.ProgressAsync(transaction, generation.Key).ConfigureAwait(false);
            foreach (var progress in generation)
            {
                var unread = batch.Ranges.Any(r => r.Partition == progress.Partition && r.From == stored.GetValueOrDefault(r.Partition));
                if (unread && held[progress.Partition] is { } before && progress.NextOffset < before.NextOffset)
                    throw HourStoreFaults.Regressed(Name, batch.Topic, progress.Partition);
            }
        }
    }

    private static async Task<Dictionary<int, long>> PositionsAsync(DbTransaction transaction, string topic) =>
        (await transaction.Connection!.QueryAsync<PositionRow>(
            "SELECT partition AS Partition, position AS Position FROM positions WHERE topic = @topic", new { topic }, transaction)
            .ConfigureAwait(false)).ToDictionary(r => (int)r.Partition, r => r.Position);

    [SuppressMessage("Performance", "CA1812", Justification = "Dapper makes it.")]
    private sealed record PositionRow(long Partition, long Position);
}
