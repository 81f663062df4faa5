using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor;

/// <summary>Counts the plain way: everything in sets, nothing clever.</summary>
public sealed class Recount
{
    private readonly HashSet<(long Hour, string User, string Id)> _ids = [];
    private readonly Dictionary<long, (long Clicks, long Impressions, HashSet<string> Users)> _hours = [];

    public Dictionary<long, (long Clicks, long Impressions, long Users)> Hours =>
        _hours.ToDictionary(pair => pair.Key, pair => (pair.Value.Clicks, pair.Value.Impressions, (long)pair.Value.Users.Count));

    /// <returns>True when the event counts, false when its id was seen.</returns>
    public bool Take(string user, long hour, EventKind kind, string? id)
    {
        if (id is not null && !_ids.Add((hour, user, id))) return false;
        var (clicks, impressions, users) = _hours.GetValueOrDefault(hour, (0, 0, []));
        users.Add(user);
        _hours[hour] = kind == EventKind.Click ? (clicks + 1, impressions, users) : (clicks, impressions + 1, users);
        return true;
    }
}
