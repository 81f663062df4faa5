namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>Timestamps of one colour in ascending order, each as its distance from the one before: mostly a byte.</summary>
public readonly struct EventRun
{
    private readonly byte[] _distances;

    private EventRun(byte[] distances, long first, int count) => (_distances, First, Count) = (distances, first, count);

    public static EventRun Empty { get; } = new([], 0, 0);

    public long First { get; }

    public int Count { get; }

    public int Bytes => _distances.Length;

    /// <param name="sorted">Ascending.</param>
    /// <param name="scratch">At least 10 bytes for each.</param>
    public static EventRun Of(ReadOnlySpan<long> sorted, Span<byte> scratch)
    {
        if (sorted.IsEmpty) return Empty;
        var at = 0;
        var last = sorted[0];
        foreach (var timestamp in sorted[1..])
        {
            // Two 64-bit integers may be further apart than one of them can say.
            var distance = unchecked((ulong)timestamp - (ulong)last);
            for (; distance >= 0x80; distance >>= 7) scratch[at++] = (byte)(distance | 0x80);
            scratch[at++] = (byte)distance;
            last = timestamp;
        }
        return new EventRun(scratch[..at].ToArray(), sorted[0], sorted.Length);
    }

    /// <param name="to">At least <see cref="Count"/> long.</param>
    public void CopyTo(Span<long> to)
    {
        if (Count == 0) return;
        var last = to[0] = First;
        var at = 0;
        for (var i = 1; i < Count; i++)
        {
            ulong distance = 0;
            for (var shift = 0; ; shift += 7)
            {
                var part = _distances[at++];
                distance |= (ulong)(part & 0x7f) << shift;
                if (part < 0x80) break;
            }
            to[i] = last = unchecked((long)((ulong)last + distance));
        }
    }
}
