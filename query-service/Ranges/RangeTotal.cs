using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.QueryService.Ranges;

/// <summary>Adds up a whole range while it is read; of a million hours it holds a sketch a partition.</summary>
public sealed class RangeTotal
{
    private readonly SortedDictionary<int, SpanUsers> _users = [];
    private readonly Dictionary<int, HyperLogLog> _sketches = [];

    public long Clicks { get; private set; }

    public long Impressions { get; private set; }

    /// <summary>False when some user may have been in two hours: then sketches tell.</summary>
    public bool IsExact => _users.Values.All(users => users.BusyHours <= 1);

    public void Add(in SpanCounts counts)
    {
        Clicks += counts.Clicks;
        Impressions += counts.Impressions;
        var sum = _users.GetValueOrDefault(counts.Partition);
        _users[counts.Partition] = new SpanUsers(
            sum.HourUsers + counts.Users.HourUsers, Math.Max(sum.MostUsers, counts.Users.MostUsers), sum.BusyHours + counts.Users.BusyHours, 0, 0, 0);
    }

    public void Add(StoredSketch stored)
    {
        // It may be of a partition whose counts are not there yet.
        if (!_users.TryGetValue(stored.Partition, out var users)) return;
        _users[stored.Partition] = users with { SketchedUsers = users.SketchedUsers + stored.HourUsers };
        if (users.BusyHours <= 1) return;
        var sketch = HyperLogLogFormat.Read(stored.Sketch);
        if (_sketches.TryGetValue(stored.Partition, out var union)) union.Merge(sketch);
        else _sketches.Add(stored.Partition, sketch);
    }

    public UserEstimate Users() => UserEstimate.Sum(_users.Select(u =>
        _sketches.TryGetValue(u.Key, out var sketch) ? u.Value with { Estimate = sketch.Estimate(), StandardError = sketch.RelativeError } : u.Value));
}
