using Dapper;
using Tally.Shared.Contracts;
using Tally.Shared.Sketches;

namespace Tally.Shared.Archive;

/// <summary>
/// Sums days anew from their stored hours, in the transaction that writes hours. Nothing is added to what a day was: hours that an older version wrote
/// without their day are in it from the day's next write on, at the latest after the next start.
/// </summary>
internal static class SqlDays
{
    private const string Columns = "generation, day, partition, clicks, impressions, hour_users, most_users, busy_hours";

    private const string Sums =
        """
        SELECT generation, hour / 24 AS day, partition, SUM(clicks), SUM(impressions), SUM(unique_users), MAX(unique_users),
               SUM(CASE WHEN unique_users > 0 THEN 1 ELSE 0 END)
        FROM analytics_hours
        """;

    private const string ByDay = "GROUP BY generation, hour / 24, partition";

    private const string Replaced =
        """
        ON CONFLICT (generation, day, partition) DO UPDATE SET clicks = excluded.clicks, impressions = excluded.impressions,
          hour_users = excluded.hour_users, most_users = excluded.most_users, busy_hours = excluded.busy_hours
        """;

    private const string Wrong =
        $"""
        SELECT DISTINCT day * 24 AS start FROM (
          {Sums} WHERE generation = @generation AND hour >= @from AND hour < @to {ByDay}
          EXCEPT
          SELECT {Columns} FROM analytics_days WHERE generation = @generation AND day >= @from / 24 AND day < @to / 24) AS wrong
        ORDER BY start
        """;

    /// <summary>Days mended in one transaction.</summary>
    private const int DaysAtOnce = 64;

    /// <summary>Hours compared at once: a year.</summary>
    private const long HoursAtOnce = 366 * SketchSpans.HoursOfDay;

    /// <summary>Sums the days of <paramref name="partials"/>, whose hours are written before.</summary>
    public static void Sum(SqlStatements statements, IReadOnlyList<HourPartial> partials) => Sum(statements,
        partials.GroupBy(p => (p.Generation, From: SketchSpans.Start(SpanKind.Day, p.Hour)))
            .Select(day => new Day(day.Key.Generation, day.Key.From, $"AND partition IN ({string.Join(',', day.Select(p => p.Partition).Distinct().Order())})")));

    /// <summary>Sums the days that are not what their hours are. Harmless to repeat, and beside those who write.</summary>
    public static async Task MendAsync(ArchiveDatabase database, CancellationToken cancellation)
    {
        var generations = await database.ReadAsync(
            transaction => transaction.Connection!.QueryAsync<long>("SELECT DISTINCT generation FROM analytics_hours", transaction: transaction), cancellation).ConfigureAwait(false);
        foreach (var generation in generations)
        {
            for (var from = await FirstAsync(0).ConfigureAwait(false); from is { } start; from = await FirstAsync(start + HoursAtOnce).ConfigureAwait(false))
                await MendAsync(database, generation, start, cancellation).ConfigureAwait(false);

            // Begin of the first day that has hours from there on.
            Task<long?> FirstAsync(long hour) => database.ReadAsync(transaction => transaction.Connection!.ExecuteScalarAsync<long?>(
                "SELECT MIN(hour) / 24 * 24 FROM analytics_hours WHERE generation = @generation AND hour >= @hour", new { generation, hour }, transaction), cancellation);
        }
    }

    private static async Task MendAsync(ArchiveDatabase database, long generation, long from, CancellationToken cancellation)
    {
        var wrong = await database.ReadAsync(transaction =>
            transaction.Connection!.QueryAsync<long>(Wrong, new { generation, from, to = from + HoursAtOnce }, transaction), cancellation).ConfigureAwait(false);
        foreach (var starts in wrong.Chunk(DaysAtOnce))
        {
            await database.WriteAsync(async transaction =>
            {
                var statements = new SqlStatements();
                Sum(statements, starts.Select(start => new Day(generation, start, "")));
                await statements.RunAsync(transaction).ConfigureAwait(false);
                return true;
            }, cancellation).ConfigureAwait(false);
        }
    }

    // A statement a day, each a range of the primary key: PostgreSQL planned a join with all days at once so that it took longer than a command may.
    private static void Sum(SqlStatements statements, IEnumerable<Day> days)
    {
        foreach (var day in days)
        {
            statements.Add($"INSERT INTO analytics_days ({Columns}) {Sums} WHERE generation = @v0 AND hour >= @v1 AND hour < @v2 {day.Partitions} {ByDay} {Replaced}",
                day.Generation, day.Start, day.Start + SketchSpans.HoursOfDay);
        }
    }

    /// <param name="Generation">Of the numbers.</param>
    /// <param name="Start">Hour at which it begins.</param>
    /// <param name="Partitions">Which of them, as a condition; empty for all.</param>
    private sealed record Day(long Generation, long Start, string Partitions);
}
