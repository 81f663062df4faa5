namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>How much is held and when it ages.</summary>
/// <param name="BudgetBytes">Memory for events; ageing begins at 80 % of it.</param>
/// <param name="SegmentEvents">Events of a full segment: laid open, those of one colour are mostly too small for the heap of large objects, which is not compacted.</param>
/// <param name="SegmentSets">Sets after which the newest segment retires; null leaves that to <paramref name="SegmentEvents"/>.</param>
/// <param name="RetiredSegments">Retired segments kept; null keeps what memory allows.</param>
public sealed record HoldingLimits(long BudgetBytes, int SegmentEvents = 16_384, int? SegmentSets = null, int? RetiredSegments = null);

/// <summary>
/// Every event that is held, in segments by timestamp. What comes in is gathered and then merged where it belongs, so order of coming matters for
/// speed alone. When memory runs short the oldest segments go whole.
/// </summary>
public sealed class HeldEvents(HoldingLimits limits)
{
    private const int GatherLeast = 4096;
    private const int GatherMost = 1 << 17;

    /// <summary>Events moved for one that is merged: above the first more are gathered, so that they share the moves; below the second fewer.</summary>
    private const int MovesMost = 16;
    private const int MovesLeast = 8;

    private readonly List<long>[] _gathered = [[], [], []];
    private readonly List<Segment> _segments = [Segment.Empty(long.MinValue)];
    private long _segmentBytes = Segment.Empty(0).Bytes;
    private long _events;
    private long _newest = long.MinValue;
    private int _gather = GatherLeast;

    /// <summary>Events that were older than one that came before them.</summary>
    public long OutOfOrder { get; private set; }

    public long AgedOut { get; private set; }

    public long SegmentsDropped { get; private set; }

    public long Bytes => _segmentBytes + _gathered.Sum(list => (long)list.Capacity * sizeof(long));

    public int Gathered => _gathered[0].Count + _gathered[1].Count + _gathered[2].Count;

    /// <summary>Told after a drop: events below the timestamp went, and how many.</summary>
    public Action<long, long>? Dropped { get; set; }

    public void Add(Colour colour, long timestamp)
    {
        if (timestamp < _newest) OutOfOrder++;
        else _newest = timestamp;
        _gathered[(int)colour].Add(timestamp);
        if (Gathered < GatherLimit()) return;
        var gathered = Gathered;
        var moved = Merge();
        if (moved > (long)gathered * MovesMost) _gather = Math.Min(_gather * 2, GatherMost);
        else if (moved < (long)gathered * MovesLeast) _gather = Math.Max(_gather / 2, GatherLeast);
        Age();
    }

    /// <summary>Counts what an earlier process dropped.</summary>
    public void Resume(long agedOut, long segmentsDropped) => (AgedOut, SegmentsDropped) = (agedOut, segmentsDropped);

    /// <summary>The held events as they are now; stays as it is whatever comes.</summary>
    public SetView View()
    {
        Settle();
        return new SetView([.. _segments]);
    }

    /// <summary>Merges what was gathered, then drops what no longer fits.</summary>
    public void Settle()
    {
        Merge();
        Age();
    }

    // Events in order belong to the newest segment, a few are enough then. Those in no order open every segment: as many are gathered as make that cheap.
    private long GatherLimit()
    {
        var most = Math.Min(GatherMost, Math.Max(GatherLeast, limits.BudgetBytes / 10 / sizeof(long)));
        if (limits.SegmentSets is { } sets) most = Math.Min(most, Math.Max(3, 3L * sets));
        return Math.Min(_gather, most);
    }

    /// <returns>Events in the segments that were opened.</returns>
    private long Merge()
    {
        if (Gathered == 0) return 0;
        foreach (var list in _gathered) list.Sort();
        var moved = MergeGathered();
        foreach (var list in _gathered)
        {
            list.Clear();
            // A burst is over.
            if (list.Capacity > 2 * _gather) list.Capacity = 0;
        }
        return moved;
    }

    private long MergeGathered()
    {
        long moved = 0;
        Span<int> at = stackalloc int[3];
        var index = 0;
        while (Least(at) is { } least)
        {
            index = Find(least, index);
            var below = index + 1 < _segments.Count ? _segments[index + 1].From : (long?)null;
            var reds = Take(0, ref at[0], below);
            var greens = Take(1, ref at[1], below);
            var blues = Take(2, ref at[2], below);
            _events += reds.Length + greens.Length + blues.Length;
            using var events = new SegmentEvents(_segments[index], reds, greens, blues);
            moved += events.Count;
            index += Replace(index, events);
        }
        return moved;
    }

    private long? Least(ReadOnlySpan<int> at)
    {
        long? least = null;
        for (var c = 0; c < 3; c++)
            if (at[c] < _gathered[c].Count && !(_gathered[c][at[c]] >= least)) least = _gathered[c][at[c]];
        return least;
    }

    private ReadOnlySpan<long> Take(int colour, ref int at, long? below)
    {
        var list = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_gathered[colour]);
        var from = at;
        if (below is not { } bound) at = list.Length;
        else while (at < list.Length && list[at] < bound) at++;
        return list[from..at];
    }

    /// <returns>The segment that holds the timestamp; not before <paramref name="from"/>.</returns>
    private int Find(long timestamp, int from)
    {
        var (low, high) = (from, _segments.Count - 1);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (_segments[middle].From <= timestamp) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    /// <summary>Puts the events in the place of a segment, as several where they are too many for one.</summary>
    /// <returns>Segments beyond one.</returns>
    private int Replace(int index, SegmentEvents events)
    {
        var old = _segments[index];
        var isLast = index == _segments.Count - 1;
        // The newest segment is filled up before the next begins; others are halved, to leave room in both.
        var size = isLast || events.Count <= limits.SegmentEvents ? limits.SegmentEvents : Math.Max(1, limits.SegmentEvents / 2);
        var pieces = SegmentSplit.Split(old.From, events, size);
        _segmentBytes += pieces.Sum(piece => (long)piece.Bytes) - old.Bytes;
        _segments[index] = pieces[0];
        _segments.InsertRange(index + 1, pieces.Skip(1));
        if (isLast && limits.SegmentSets is { } sets && SetsOfNewest() >= sets) BeginSegment();
        return pieces.Count - 1;
    }

    private long SetsOfNewest()
    {
        var view = new SetView([.. _segments]);
        return Math.Clamp(view.Sets - (view.Flow.Reds - _segments[^1].Flow.Reds), 0, _segments[^1].Flow.Reds);
    }

    private void BeginSegment()
    {
        if (_newest == long.MaxValue) return;
        _segments.Add(Segment.Empty(_newest + 1));
        _segmentBytes += _segments[^1].Bytes;
    }

    private void Age()
    {
        var drop = 0;
        var (bytes, from) = (Bytes, limits.BudgetBytes * 8 / 10);
        while (drop < _segments.Count && (bytes > from || _segments.Count - drop - 1 > (limits.RetiredSegments ?? int.MaxValue)))
        {
            // One segment is always there to take what comes.
            if (_segments.Count - drop == 1 && _segments[drop].Flow.Events == 0) break;
            bytes -= _segments[drop++].Bytes;
        }
        if (drop == 0) return;
        var events = _segments.Take(drop).Sum(segment => segment.Flow.Events);
        _segmentBytes -= _segments.Take(drop).Sum(segment => (long)segment.Bytes);
        // Whatever is older than all that is held belongs to the oldest segment.
        var boundary = drop == _segments.Count ? _newest == long.MaxValue ? long.MaxValue : _newest + 1 : _segments[drop].From;
        _segments.RemoveRange(0, drop);
        _segmentBytes -= _segments.Count > 0 ? _segments[0].Bytes : 0;
        if (_segments.Count == 0) _segments.Add(Segment.Empty(long.MinValue));
        else _segments[0] = _segments[0].FromTheBeginning();
        _segmentBytes += _segments[0].Bytes;
        _events -= events;
        AgedOut += events;
        SegmentsDropped += drop;
        Dropped?.Invoke(boundary, events);
    }
}
