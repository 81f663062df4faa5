using System.Diagnostics;

namespace Tally.Bench.Overload;

/// <summary>Counts latencies by tenths of a millisecond, up to 20 s.</summary>
internal sealed class Latencies
{
    private readonly int[] _counts = new int[200_001];
    private int _count;

    public int Count => _count;

    public void Add(long since)
    {
        Interlocked.Increment(ref _counts[Math.Min(_counts.Length - 1, (int)(Stopwatch.GetElapsedTime(since).TotalMilliseconds * 10))]);
        Interlocked.Increment(ref _count);
    }

    /// <returns>Milliseconds that this share took at the most; 0 when there is none.</returns>
    public double At(double share)
    {
        var left = (long)Math.Ceiling(_count * share);
        for (var at = 0; at < _counts.Length; at++)
            if ((left -= _counts[at]) <= 0) return _count == 0 ? 0 : (at + 1) / 10.0;
        return 0;
    }
}
