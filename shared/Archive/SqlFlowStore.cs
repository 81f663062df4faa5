using Tally.Shared.ReadModel;

namespace Tally.Shared.Archive;

/// <summary>Writes flows to the archive: partials, progress and positions in one transaction.</summary>
public sealed class SqlFlowStore(ArchiveDatabase database) : ISinkStore<FlowPartial>
{
    public const string StoreName = "flows-archive";

    private const string Sums =
        "INSERT INTO flow_sums (generation, hour, src_app, dest_app, vpc_id, partition, next_offset, bytes_tx, bytes_rx, saturated)";

    // The generation is part of the key, so that newer means a greater offset.
    private const string NewerSum =
        """
        ON CONFLICT (generation, hour, src_app, dest_app, vpc_id, partition) DO UPDATE SET next_offset = excluded.next_offset,
          bytes_tx = excluded.bytes_tx, bytes_rx = excluded.bytes_rx, saturated = excluded.saturated
        WHERE excluded.next_offset > flow_sums.next_offset
        """;

    public string Name => StoreName;

    public long Epoch => 0;

    public Task<IReadOnlyDictionary<int, long>> ReadPositionsAsync(string topic, IReadOnlyList<int> partitions, CancellationToken cancellation) =>
        SqlProgress.ReadPositionsAsync(database, topic, partitions, cancellation);

    public Task<SinkBatchResult> WriteAsync(SinkBatch<FlowPartial> batch, CancellationToken cancellation) =>
        new SqlProgress("archive", ArchiveQueries.Flows).WriteAsync(database, batch, p => (p.Sum.Generation, p.Partition),
            (_, statements) =>
            {
                statements.Upsert(Sums, NewerSum, [.. batch.Partials.Select(Row)]);
                return Task.CompletedTask;
            }, cancellation);

    public Task<bool> TryPointAsync(int generation, CancellationToken cancellation) =>
        SqlPointer.TryMoveAsync(database, ArchiveQueries.Flows, generation, cancellation);

    private static object[] Row(FlowPartial p) =>
    [
        p.Sum.Generation, p.Hour, p.Name.SrcApp, p.Name.DestApp, p.Name.VpcId, p.Partition, p.Sum.NextOffset, p.Sum.BytesTx, p.Sum.BytesRx,
        p.Sum.Saturated ? 1L : 0L,
    ];
}
