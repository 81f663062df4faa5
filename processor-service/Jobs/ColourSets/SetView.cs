namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>One set by its timestamps.</summary>
public readonly record struct ColourSet(long Red, long Green, long Blue);

/// <summary>
/// The sets of what was held at one moment. Set n has the n-th red, the n-th green that finds a red and the n-th blue that finds a pair, so a set is
/// found by its number: a binary search over the segments, then one of them.
/// </summary>
public sealed class SetView
{
    private readonly Segment[] _segments;
    private readonly Waiting[] _waiting;

    // Reds, used greens and used blues before each segment; the last entry is the total.
    private readonly long[][] _before;

    public SetView(Segment[] segments)
    {
        _segments = segments;
        _waiting = new Waiting[segments.Length + 1];
        _before = [new long[segments.Length + 1], new long[segments.Length + 1], new long[segments.Length + 1]];
        for (var i = 0; i < segments.Length; i++)
        {
            var flow = segments[i].Flow;
            _waiting[i + 1] = flow.After(_waiting[i]);
            _before[0][i + 1] = _before[0][i] + flow.Reds;
            _before[1][i + 1] = _before[1][i] + flow.GreensUsed(_waiting[i]);
            _before[2][i + 1] = _before[2][i] + flow.BluesUsed(_waiting[i]);
        }
    }

    /// <summary>As many as any matching of these events could reach.</summary>
    public long Sets => _before[2][^1];

    /// <summary>Counts of the colours held.</summary>
    public (long Reds, long Greens, long Blues) Flow =>
        (_before[0][^1], _segments.Sum(s => s.Flow.Greens), _segments.Sum(s => s.Flow.Blues));

    /// <summary>Segments but the newest, which still grows.</summary>
    public int Retired => _segments.Length - 1;

    /// <summary>Sets whose red lies in [start, end], ordered by it.</summary>
    public IEnumerable<ColourSet> Between(long start, long end)
    {
        var from = RedsBelow(start);
        var to = Math.Min(Sets, end == long.MaxValue ? Sets : RedsBelow(end + 1));
        if (from >= to) yield break;
        using var reds = Used(Colour.Red, from).GetEnumerator();
        using var greens = Used(Colour.Green, from).GetEnumerator();
        using var blues = Used(Colour.Blue, from).GetEnumerator();
        for (var n = from; n < to && reds.MoveNext() && greens.MoveNext() && blues.MoveNext(); n++)
            yield return new ColourSet(reds.Current, greens.Current, blues.Current);
    }

    private long RedsBelow(long timestamp)
    {
        var (low, high) = (0, _segments.Length - 1);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (_segments[middle].From <= timestamp) low = middle;
            else high = middle - 1;
        }
        using var events = new SegmentEvents(_segments[low]);
        var reds = events[Colour.Red];
        var (from, to) = (0, reds.Length);
        while (from < to)
        {
            var middle = (from + to) / 2;
            if (reds[middle] < timestamp) from = middle + 1;
            else to = middle;
        }
        return _before[0][low] + from;
    }

    /// <summary>Events of the colour that are used, from number <paramref name="number"/> on.</summary>
    private IEnumerable<long> Used(Colour colour, long number)
    {
        var before = _before[(int)colour];
        var (low, high) = (0, _segments.Length - 1);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (before[middle] <= number) low = middle;
            else high = middle - 1;
        }
        var skip = number - before[low];
        for (var i = low; i < _segments.Length; i++)
        {
            var used = UsedIn(i, colour);
            for (var n = (int)skip; n < used.Length; n++) yield return used[n];
            skip = 0;
        }
    }

    private long[] UsedIn(int segment, Colour colour)
    {
        var used = new long[_before[(int)colour][segment + 1] - _before[(int)colour][segment]];
        if (used.Length == 0) return used;
        using var events = new SegmentEvents(_segments[segment]);
        if (colour == Colour.Red)
        {
            events[Colour.Red].CopyTo(used);
            return used;
        }
        var (reds, pairs) = _waiting[segment];
        var at = 0;
        for (var walk = new EventWalk(events[Colour.Red], events[Colour.Green], events[Colour.Blue]); walk.Next();)
        {
            switch (walk.Colour)
            {
                case Colour.Red:
                    reds++;
                    break;
                case Colour.Green when reds > 0:
                    reds--;
                    pairs++;
                    if (colour == Colour.Green) used[at++] = walk.Timestamp;
                    break;
                case Colour.Blue when pairs > 0:
                    pairs--;
                    if (colour == Colour.Blue) used[at++] = walk.Timestamp;
                    break;
            }
        }
        return used;
    }
}
