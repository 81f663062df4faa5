namespace Tally.Tests.EndToEnd.Load;

/// <summary>Makes events from a seed: users, hours, kinds, ids and retries, in random order.</summary>
public sealed class EventSource(int seed)
{
    private readonly Random _random = new(seed);

    /// <param name="count">Events, retries not among them.</param>
    /// <param name="users">Different users.</param>
    /// <param name="hours">Hours to spread over.</param>
    /// <param name="retries">Share of events that come once more under the same id, 0 to 1.</param>
    public List<PostedEvent> Make(int count, int users, IReadOnlyList<long> hours, double retries)
    {
        var events = new List<PostedEvent>(count);
        for (var i = 0; i < count; i++)
        {
            var hour = hours[_random.Next(hours.Count)];
            var user = $"user-{_random.Next(users)} ü&=+%";
            // Half of the events carry an id; only those may come twice.
            var id = _random.Next(2) == 0 ? $"id-{seed}-{i}" : null;
            var e = new PostedEvent(hour * 3_600_000 + _random.Next(3_600_000), user, _random.Next(4) == 0, id);
            events.Add(e);
            if (id is not null && _random.NextDouble() < retries * 2) events.Add(e);
        }
        var shuffled = events.ToArray();
        _random.Shuffle(shuffled);
        return [.. shuffled];
    }
}
