using System.Diagnostics;
using System.Globalization;
using Tally.ProcessorService.State;
using Tally.Shared.Sketches;

namespace Tally.Bench.Frames;

/// <summary>
/// What it costs to put the parts of a window together again when several instances count it: parts that share no user (by uid or by groups of users), parts in which any user may be
/// (by partition, or minutes of a longer window), and sketches of those. Four frames a user, each in a part drawn by lot; medians of runs on one thread.
/// </summary>
public static class Merging
{
    private const int FramesEach = 4;
    private const int HashBytes = 16;

    public static int Run(int parts, int seed)
    {
        foreach (var users in (int[])[10_000, 100_000, 1_000_000])
        {
            var random = new Random(seed);
            var all = Enumerable.Range(0, users).Select(_ => new UInt128((ulong)random.NextInt64(long.MinValue, long.MaxValue), (ulong)random.NextInt64(long.MinValue, long.MaxValue))).ToArray();
            var seen = Enumerable.Range(0, parts).Select(_ => new HashSet<UInt128>()).ToArray();
            for (var n = 0; n < users * FramesEach; n++) seen[random.Next(parts)].Add(all[random.Next(users)]);
            var truth = seen.SelectMany(part => part).Distinct().Count();
            var lists = seen.Select(part => part.ToArray()).ToArray();
            var sketches = lists.Select(Sketch).ToArray();

            var sets = Median(() => Union(lists));
            var merged = Median(() => Merge(sketches));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"merge users={truth} parts={parts} seed={seed}; disjoint: bytes={parts * sizeof(long)}; any user anywhere: hashes={lists.Sum(l => l.Length)} bytes={lists.Sum(l => (long)l.Length) * HashBytes} "
                + $"union_ms={sets.Milliseconds:F2} union={sets.Result} counts_added={lists.Sum(l => l.Length)}; sketches: bytes={parts << HyperLogLog.Precision} merge_ms={merged.Milliseconds:F3} "
                + $"estimate={merged.Result}"));
        }
        return 0;
    }

    private static HyperLogLog Sketch(UInt128[] hashes)
    {
        var sketch = new HyperLogLog();
        foreach (var hash in hashes) sketch.Add(hash);
        return sketch;
    }

    private static long Union(UInt128[][] lists)
    {
        using var set = new DistinctSet();
        foreach (var list in lists)
            foreach (var hash in list) set.Add(hash);
        return set.Count;
    }

    private static long Merge(HyperLogLog[] sketches)
    {
        var whole = new HyperLogLog();
        foreach (var sketch in sketches) whole.Merge(sketch);
        return whole.Estimate();
    }

    private static (double Milliseconds, long Result) Median(Func<long> work)
    {
        var times = new List<double>();
        long result = 0;
        for (var run = 0; run < 21; run++)
        {
            var began = Stopwatch.GetTimestamp();
            result = work();
            times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        times.Sort();
        return (times[times.Count / 2], result);
    }
}
