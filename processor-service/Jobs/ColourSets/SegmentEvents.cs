using System.Buffers;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>Events of a segment laid open, one list a colour; its memory goes back when it is disposed.</summary>
public sealed class SegmentEvents : IDisposable
{
    private readonly long[][] _lists = new long[3][];
    private readonly int[] _counts = new int[3];

    public SegmentEvents(Segment segment)
    {
        for (var c = 0; c < 3; c++)
        {
            var run = segment.Run((Colour)c);
            _counts[c] = run.Count;
            _lists[c] = ArrayPool<long>.Shared.Rent(Math.Max(1, run.Count));
            run.CopyTo(_lists[c]);
        }
    }

    /// <summary>Merges sorted events into it.</summary>
    public SegmentEvents(Segment segment, ReadOnlySpan<long> reds, ReadOnlySpan<long> greens, ReadOnlySpan<long> blues) : this(segment)
    {
        Merge(Colour.Red, reds);
        Merge(Colour.Green, greens);
        Merge(Colour.Blue, blues);
    }

    public int Count => _counts[0] + _counts[1] + _counts[2];

    public ReadOnlySpan<long> this[Colour colour] => _lists[(int)colour].AsSpan(0, _counts[(int)colour]);

    public void Dispose()
    {
        foreach (var list in _lists) ArrayPool<long>.Shared.Return(list);
    }

    private void Merge(Colour colour, ReadOnlySpan<long> more)
    {
        if (more.IsEmpty) return;
        var (old, count) = (_lists[(int)colour], _counts[(int)colour]);
        var merged = ArrayPool<long>.Shared.Rent(count + more.Length);
        for (int at = 0, left = 0, right = 0; at < count + more.Length; at++)
            merged[at] = right == more.Length || (left < count && old[left] <= more[right]) ? old[left++] : more[right++];
        ArrayPool<long>.Shared.Return(old);
        _lists[(int)colour] = merged;
        _counts[(int)colour] = count + more.Length;
    }
}
