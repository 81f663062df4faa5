using System.Globalization;
using Tally.Shared.Sketches;

namespace Tally.Bench.Frames;

/// <summary>The error of the sketch that a large window becomes: root mean square and largest over runs with users of their own, by users.</summary>
public static class Sketching
{
    public static int Run(int runs, int seed)
    {
        foreach (var users in (int[])[1_000, 10_000, 100_000, 1_000_000])
        {
            var errors = new List<double>();
            var random = new Random(seed);
            for (var run = 0; run < runs; run++)
            {
                var sketch = new HyperLogLog();
                for (var user = 0; user < users; user++) sketch.Add(new UInt128((ulong)random.NextInt64(long.MinValue, long.MaxValue), (ulong)random.NextInt64(long.MinValue, long.MaxValue)));
                errors.Add((sketch.Estimate() - users) / (double)users);
            }
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"sketch users={users} runs={runs} seed={seed} rms_error={Math.Sqrt(errors.Average(e => e * e)):P3} largest_error={errors.Max(Math.Abs):P3} stated={HyperLogLog.DenseStandardError:P3}"));
        }
        return 0;
    }
}
