using System.Data.Common;
using Tally.Shared.Contracts;
using Tally.Shared.Sketches;

namespace Tally.Shared.Archive;

/// <summary>Keeps the sums of days with the hours they are made of: in the same transaction, so that they never differ.</summary>
internal static class SqlDays
{
    private const string Stored =
        "SELECT generation, hour, partition, next_offset, clicks, impressions, unique_users FROM analytics_hours WHERE (generation, hour, partition) IN";

    private const string Days =
        "INSERT INTO analytics_days (generation, day, partition, clicks, impressions, hour_users, most_users, busy_hours)";

    private const string Gained =
        """
        ON CONFLICT (generation, day, partition) DO UPDATE SET clicks = analytics_days.clicks + excluded.clicks,
          impressions = analytics_days.impressions + excluded.impressions, hour_users = analytics_days.hour_users + excluded.hour_users,
          most_users = CASE WHEN excluded.most_users > analytics_days.most_users THEN excluded.most_users ELSE analytics_days.most_users END,
          busy_hours = analytics_days.busy_hours + excluded.busy_hours
        """;

    /// <summary>Adds to the days what <paramref name="partials"/> will add to their hours, which still are as they were.</summary>
    public static async Task AddAsync(DbTransaction transaction, IReadOnlyList<HourPartial> partials)
    {
        var before = new Dictionary<(int, long, int), HourPartial>();
        await SqlRows.FindAsync(transaction, Stored, [.. partials.Select(p => (object[])[p.Generation, p.Hour, p.Partition])], row =>
        {
            var partial = new HourPartial
            {
                NextOffset = row.GetInt64(3),
                Clicks = row.GetInt64(4),
                Impressions = row.GetInt64(5),
                UniqueUsers = row.GetInt64(6),
            };
            before[((int)row.GetInt64(0), row.GetInt64(1), (int)row.GetInt64(2))] = partial;
        }).ConfigureAwait(false);

        var gains = new Dictionary<(int Generation, long Day, int Partition), Gain>();
        foreach (var partial in partials)
        {
            var was = before.GetValueOrDefault((partial.Generation, partial.Hour, partial.Partition));
            if (was is not null && partial.NextOffset <= was.NextOffset) continue;
            var day = (partial.Generation, partial.Hour / SketchSpans.HoursOfDay, partial.Partition);
            gains[day] = gains.GetValueOrDefault(day).And(partial, was ?? new HourPartial());
        }
        await SqlRows.UpsertAsync(transaction, Days, Gained, [.. gains.Select(g => (object[])
            [g.Key.Generation, g.Key.Day, g.Key.Partition, g.Value.Clicks, g.Value.Impressions, g.Value.HourUsers, g.Value.MostUsers, g.Value.BusyHours])])
            .ConfigureAwait(false);
    }

    private readonly record struct Gain(long Clicks, long Impressions, long HourUsers, long MostUsers, long BusyHours)
    {
        public Gain And(HourPartial now, HourPartial was) => new(
            Clicks + now.Clicks - was.Clicks,
            Impressions + now.Impressions - was.Impressions,
            HourUsers + now.UniqueUsers - was.UniqueUsers,
            Math.Max(MostUsers, now.UniqueUsers),
            BusyHours + (now.UniqueUsers > 0 && was.UniqueUsers == 0 ? 1 : 0));
    }
}
