namespace Tally.Shared.Sketches;

/// <summary>
/// The improved raw estimate of "New cardinality estimation algorithms for HyperLogLog sketches" (Otmar Ertl, 2017): right from none to
/// far beyond what can be counted, without the tables and thresholds of earlier estimates.
/// </summary>
internal static class ErtlEstimate
{
    private const double AlphaOfInfinity = 0.72134752044448170367996; // 1 / (2 ln 2)

    /// <param name="ranks">The registers, 0 where nothing was added.</param>
    /// <param name="q">Bits of a hash that a rank looks at: the greatest is q + 1.</param>
    public static double Of(ReadOnlySpan<byte> ranks, int q)
    {
        Span<int> registersOf = stackalloc int[q + 2];
        registersOf.Clear();
        foreach (var rank in ranks) registersOf[rank]++;
        double m = ranks.Length;
        var z = m * Tau(1 - (registersOf[q + 1] / m));
        for (var rank = q; rank >= 1; rank--) z = 0.5 * (z + registersOf[rank]);
        z += m * Sigma(registersOf[0] / m);
        return AlphaOfInfinity * m * m / z;
    }

    private static double Sigma(double x)
    {
        if (x == 1) return double.PositiveInfinity;
        double y = 1, z = x, before;
        do
        {
            x *= x;
            before = z;
            z += x * y;
            y += y;
        }
        while (z != before);
        return z;
    }

    private static double Tau(double x)
    {
        if (x is 0 or 1) return 0;
        double y = 1, z = 1 - x, before;
        do
        {
            x = Math.Sqrt(x);
            before = z;
            y *= 0.5;
            z -= (1 - x) * (1 - x) * y;
        }
        while (z != before);
        return z / 3;
    }
}
