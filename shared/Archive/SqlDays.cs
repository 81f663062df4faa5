using System.Data.Common;
using Dapper;
using Tally.Shared.Contracts;
using Tally.Shared.Sketches;

namespace Tally.Shared.Archive;

/// <summary>
/// Sums days anew from their stored hours, in the transaction that writes hours. Nothing is added to what a day was: hours that an older version wrote
/// without their day are in it from the day's next write on.
/// </summary>
internal static class SqlDays
{
    // A day at a time, as a range of the primary key: PostgreSQL planned a join with all days at once so that it took longer than a command may.
    private static string Sum(IEnumerable<int> partitions) =>
        $"""
        INSERT INTO analytics_days (generation, day, partition, clicks, impressions, hour_users, most_users, busy_hours)
        SELECT generation, hour / 24, partition, SUM(clicks), SUM(impressions), SUM(unique_users), MAX(unique_users),
               SUM(CASE WHEN unique_users > 0 THEN 1 ELSE 0 END)
        FROM analytics_hours WHERE generation = @generation AND hour >= @from AND hour < @to AND partition IN ({string.Join(',', partitions)})
        GROUP BY generation, hour / 24, partition
        ON CONFLICT (generation, day, partition) DO UPDATE SET clicks = excluded.clicks, impressions = excluded.impressions,
          hour_users = excluded.hour_users, most_users = excluded.most_users, busy_hours = excluded.busy_hours
        """;

    /// <summary>Sums the days of <paramref name="partials"/>, whose hours are written already.</summary>
    public static async Task SumAsync(DbTransaction transaction, IReadOnlyList<HourPartial> partials)
    {
        foreach (var day in partials.GroupBy(p => (p.Generation, From: SketchSpans.Start(SpanKind.Day, p.Hour))))
        {
            await transaction.Connection!.ExecuteAsync(new CommandDefinition(
                Sum(day.Select(p => p.Partition).Distinct().Order()),
                new { generation = day.Key.Generation, from = day.Key.From, to = day.Key.From + SketchSpans.HoursOfDay },
                transaction, flags: CommandFlags.NoCache)).ConfigureAwait(false);
        }
    }
}
