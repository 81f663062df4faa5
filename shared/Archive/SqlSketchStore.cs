using System.Data.Common;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.Shared.Archive;

/// <summary>
/// Writes sketches of hours to the archive and merges them into those of their day and month, in one transaction with the position. Users are only ever
/// added to an hour, so merging a newer sketch where the older one is in already gives the union all the same.
/// </summary>
public sealed class SqlSketchStore(ArchiveDatabase database) : ISinkStore<HourSketch>
{
    public const string StoreName = "sketches-archive";

    private const string Sketches =
        "INSERT INTO analytics_sketches (generation, span, start, partition, next_offset, hour_users, estimate, standard_error, sketch)";

    private const string Replaced =
        """
        ON CONFLICT (generation, span, start, partition) DO UPDATE SET next_offset = excluded.next_offset, hour_users = excluded.hour_users,
          estimate = excluded.estimate, standard_error = excluded.standard_error, sketch = excluded.sketch
        """;

    private const string StoredHours =
        "SELECT generation, start, partition, next_offset, hour_users FROM analytics_sketches WHERE (generation, span, start, partition) IN";

    private const string StoredSums =
        "SELECT generation, span, start, partition, hour_users, sketch FROM analytics_sketches WHERE (generation, span, start, partition) IN";

    private static readonly SpanKind[] Sums = [SpanKind.Day, SpanKind.Month];

    public string Name => StoreName;

    public long Epoch => 0;

    public Task<IReadOnlyDictionary<int, long>> ReadPositionsAsync(string topic, IReadOnlyList<int> partitions, CancellationToken cancellation) =>
        SqlProgress.ReadPositionsAsync(database, topic, partitions, cancellation);

    public Task<SinkBatchResult> WriteAsync(SinkBatch<HourSketch> batch, CancellationToken cancellation) =>
        new SqlProgress("archive", ArchiveQueries.Sketches).WriteAsync(database, batch, s => (s.Generation, s.Partition),
            (transaction, statements) => WriteAsync(transaction, statements, batch.Partials), cancellation);

    private static async Task WriteAsync(DbTransaction transaction, SqlStatements statements, IReadOnlyList<HourSketch> sketches)
    {
        var before = new Dictionary<(int, long, int), (long NextOffset, long Users)>();
        await SqlRows.FindAsync(transaction, StoredHours,
            [.. sketches.Select(s => (object[])[s.Generation, (long)SpanKind.Hour, s.Hour, s.Partition])],
            row => before[((int)row.GetInt64(0), row.GetInt64(1), (int)row.GetInt64(2))] = (row.GetInt64(3), row.GetInt64(4))).ConfigureAwait(false);
        var newer = sketches.Where(s => !before.TryGetValue((s.Generation, s.Hour, s.Partition), out var was) || s.NextOffset > was.NextOffset).ToList();

        var places = newer.SelectMany(_ => Sums, (s, kind) => Place(s, kind)).Distinct().ToList();
        var sums = places.ToDictionary(place => place, _ => new Sum(new HyperLogLog(), 0));
        await SqlRows.FindAsync(transaction, StoredSums, [.. places.Select(p => (object[])[p.Generation, (long)p.Kind, p.Start, p.Partition])],
            row => sums[((int)row.GetInt64(0), (SpanKind)row.GetInt64(1), row.GetInt64(2), (int)row.GetInt64(3))] =
                new Sum(HyperLogLogFormat.Read((byte[])row.GetValue(5)), row.GetInt64(4))).ConfigureAwait(false);
        foreach (var sketch in newer)
        {
            var users = HyperLogLogFormat.Read(sketch.Sketch.Span);
            var gained = sketch.Users - before.GetValueOrDefault((sketch.Generation, sketch.Hour, sketch.Partition)).Users;
            foreach (var kind in Sums) sums[Place(sketch, kind)].Add(users, gained);
        }

        statements.Upsert(Sketches, Replaced, [.. newer.Select(Row), .. sums.Select(sum => Row(sum.Key, sum.Value))]);
    }

    private static (int Generation, SpanKind Kind, long Start, int Partition) Place(HourSketch sketch, SpanKind kind) =>
        (sketch.Generation, kind, SketchSpans.Start(kind, sketch.Hour), sketch.Partition);

    // Of one hour the number is known.
    private static object[] Row(HourSketch s) =>
        [s.Generation, (long)SpanKind.Hour, s.Hour, s.Partition, s.NextOffset, s.Users, s.Users, 0.0, s.Sketch.ToByteArray()];

    private static object[] Row((int Generation, SpanKind Kind, long Start, int Partition) place, Sum sum) =>
    [
        place.Generation, (long)place.Kind, place.Start, place.Partition, 0L, sum.HourUsers, sum.Sketch.Estimate(), sum.Sketch.RelativeError,
        HyperLogLogFormat.Write(sum.Sketch),
    ];

    private sealed class Sum(HyperLogLog sketch, long hourUsers)
    {
        public HyperLogLog Sketch => sketch;

        public long HourUsers { get; private set; } = hourUsers;

        public void Add(HyperLogLog users, long gained)
        {
            sketch.Merge(users);
            HourUsers += gained;
        }
    }
}
