using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Dapper;
using Google.Protobuf;
using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>
/// Writes a batch of partials in one transaction with the job's progress and the sink's position: one command reads where the store stands, one writes, and
/// the commit is the third way to the database and back.
/// </summary>
/// <param name="store">Name of the store in sentences.</param>
/// <param name="job">Value of the column <c>job</c>.</param>
internal sealed class SqlProgress(string store, string job)
{
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

    public static Task<IReadOnlyDictionary<int, long>> ReadPositionsAsync(
        ArchiveDatabase database, string topic, IReadOnlyList<int> partitions, CancellationToken cancellation) =>
        database.ReadAsync<IReadOnlyDictionary<int, long>>(async transaction =>
        {
            var stored = await PositionsAsync(transaction, topic).ConfigureAwait(false);
            return partitions.ToDictionary(p => p, p => stored.GetValueOrDefault(p));
        }, cancellation);

    /// <param name="database">Where.</param>
    /// <param name="batch">What.</param>
    /// <param name="place">Generation and partition of a partial.</param>
    /// <param name="partials">Gathers the statements that write the partials; reads what it needs for them.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public Task<SinkBatchResult> WriteAsync<T>(
        ArchiveDatabase database, SinkBatch<T> batch, Func<T, (int Generation, int Partition)> place, Func<DbTransaction, SqlStatements, Task> partials,
        CancellationToken cancellation) => database.WriteAsync(async transaction =>
    {
        var (stored, held) = await StandsAsync(transaction, batch.Topic).ConfigureAwait(false);
        if (batch.Ranges.Any(r => stored.GetValueOrDefault(r.Partition) < r.From))
            return new SinkBatchResult(false, batch.Ranges.ToDictionary(r => r.Partition, r => stored.GetValueOrDefault(r.Partition)));
        RefuseRegression(batch, stored, held);

        var statements = new SqlStatements();
        await partials(transaction, statements).ConfigureAwait(false);
        AddProgress(statements, batch, batch.Partials.Select(place));
        statements.Upsert(Positions, LaterRead, [.. batch.Ranges.Select(r => (object[])[batch.Topic, r.Partition, r.To])]);
        await statements.RunAsync(transaction).ConfigureAwait(false);
        return SinkBatchResult.Done;
    }, cancellation);

    private void AddProgress<T>(SqlStatements statements, SinkBatch<T> batch, IEnumerable<(int Generation, int Partition)> places)
    {
        statements.Upsert(Progress, NewerProgress,
            [.. batch.Progress.Select(p => (object[])
                [job, p.Generation, p.Partition, p.NextOffset, p.AsOfMs, 0L, p.PartitionCount, JsonFormatter.Default.Format(p)])]);
        // A partition whose partials came without a progress record still tells how far it was read.
        var read = batch.Ranges.ToDictionary(r => r.Partition, r => r.To);
        var seen = batch.Progress.Select(p => (p.Generation, p.Partition)).Concat(places).Distinct();
        statements.Upsert(Progress, LaterPosition, [.. seen.Select(s => (object[])[job, s.Generation, s.Partition, 0L, 0L, read[s.Partition], 0, ""])]);
    }

    private void RefuseRegression<T>(SinkBatch<T> batch, Dictionary<int, long> stored, Dictionary<(int Generation, int Partition), long> held)
    {
        foreach (var progress in batch.Progress)
        {
            var unread = batch.Ranges.Any(r => r.Partition == progress.Partition && r.From == stored.GetValueOrDefault(r.Partition));
            if (unread && held.TryGetValue((progress.Generation, progress.Partition), out var before) && progress.NextOffset < before)
                throw SinkStoreFaults.Regressed(store, batch.Topic, progress.Partition);
        }
    }

    /// <summary>The positions of the topic, and the next offset of each generation and partition of the job.</summary>
    private async Task<(Dictionary<int, long> Positions, Dictionary<(int Generation, int Partition), long> Progress)> StandsAsync(DbTransaction transaction, string topic)
    {
        await using var rows = await transaction.Connection!.ExecuteReaderAsync(
            "SELECT partition, position FROM positions WHERE topic = @topic; SELECT generation, partition, next_offset FROM progress WHERE job = @job;",
            new { topic, job }, transaction).ConfigureAwait(false);
        var positions = new Dictionary<int, long>();
        while (await rows.ReadAsync().ConfigureAwait(false)) positions[(int)rows.GetInt64(0)] = rows.GetInt64(1);
        await rows.NextResultAsync().ConfigureAwait(false);
        var progress = new Dictionary<(int, int), long>();
        while (await rows.ReadAsync().ConfigureAwait(false)) progress[((int)rows.GetInt64(0), (int)rows.GetInt64(1))] = rows.GetInt64(2);
        return (positions, progress);
    }

    private static async Task<Dictionary<int, long>> PositionsAsync(DbTransaction transaction, string topic) =>
        (await transaction.Connection!.QueryAsync<PositionRow>(
            "SELECT partition AS Partition, position AS Position FROM positions WHERE topic = @topic", new { topic }, transaction)
            .ConfigureAwait(false)).ToDictionary(r => (int)r.Partition, r => r.Position);

    [SuppressMessage("Performance", "CA1812", Justification = "Dapper makes it.")]
    private sealed record PositionRow(long Partition, long Position);
}
