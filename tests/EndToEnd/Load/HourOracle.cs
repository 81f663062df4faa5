namespace Tally.Tests.EndToEnd.Load;

/// <summary>What an hour must hold: counted the naive way, from what the clients know.</summary>
public sealed class HourOracle
{
    private readonly Dictionary<long, Hour> _hours = [];

    public IEnumerable<long> Hours => _hours.Keys;

    /// <summary>Counts an event; one with an id that the user already used in that hour counts once.</summary>
    public void Count(PostedEvent e)
    {
        if (!_hours.TryGetValue(e.Hour, out var hour)) _hours[e.Hour] = hour = new Hour();
        if (e.Id is not null && !hour.Ids.Add((e.User, e.Id))) return;
        hour.Users.Add(e.User);
        if (e.Click) hour.Clicks++;
        else hour.Impressions++;
    }

    /// <summary>The body that GET must answer.</summary>
    public string Body(long hour) => _hours.TryGetValue(hour, out var h)
        ? $"unique_users,{h.Users.Count}\nclicks,{h.Clicks}\nimpressions,{h.Impressions}\n"
        : "unique_users,0\nclicks,0\nimpressions,0\n";

    /// <summary>Unique users, clicks and impressions over all of these hours.</summary>
    public (long Users, long Clicks, long Impressions) Over(Func<long, bool> hours)
    {
        var those = _hours.Where(h => hours(h.Key)).Select(h => h.Value).ToList();
        return (those.SelectMany(h => h.Users).Distinct().LongCount(), those.Sum(h => h.Clicks), those.Sum(h => h.Impressions));
    }

    private sealed class Hour
    {
        public HashSet<string> Users { get; } = [];
        public HashSet<(string User, string Id)> Ids { get; } = [];
        public long Clicks { get; set; }
        public long Impressions { get; set; }
    }
}
