namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>Cuts events into segments. Those of one timestamp stay together, however many they are.</summary>
public static class SegmentSplit
{
    public static IReadOnlyList<Segment> Split(long from, SegmentEvents events, int size)
    {
        if (events.Count <= size) return [Segment.Of(from, events[Colour.Red], events[Colour.Green], events[Colour.Blue])];
        var pieces = new List<Segment>();
        Span<int> begin = stackalloc int[3];
        Span<int> end = stackalloc int[3];
        var (count, last) = (0, 0L);
        for (var walk = new EventWalk(events[Colour.Red], events[Colour.Green], events[Colour.Blue]); walk.Next(); count++)
        {
            if (count >= size && walk.Timestamp != last)
            {
                pieces.Add(Piece(from, events, begin, end));
                end.CopyTo(begin);
                (from, count) = (walk.Timestamp, 0);
            }
            end[(int)walk.Colour]++;
            last = walk.Timestamp;
        }
        pieces.Add(Piece(from, events, begin, end));
        return pieces;
    }

    private static Segment Piece(long from, SegmentEvents events, ReadOnlySpan<int> begin, ReadOnlySpan<int> end) =>
        Segment.Of(from, events[Colour.Red][begin[0]..end[0]], events[Colour.Green][begin[1]..end[1]], events[Colour.Blue][begin[2]..end[2]]);
}
