using Tally.ProcessorService.Jobs.ColourSets;

namespace Tally.Tests.Unit.Processor.ColourSets;

/// <summary>
/// The most sets there can be, with all events at hand. k sets can be made exactly when they can be made of the k oldest reds and the k newest blues,
/// each pair of them in order taking the oldest green that is left between them; k is found by halving. Nothing of it is shared with the job.
/// </summary>
internal static class OfflineOptimum
{
    public static int Of(IEnumerable<(Colour Colour, long Timestamp)> events)
    {
        var all = events.ToLookup(e => e.Colour, e => e.Timestamp);
        var (reds, greens, blues) = (Sorted(all[Colour.Red]), Sorted(all[Colour.Green]), Sorted(all[Colour.Blue]));
        var (possible, impossible) = (0, Math.Min(reds.Length, Math.Min(greens.Length, blues.Length)) + 1);
        while (impossible - possible > 1)
        {
            var k = (possible + impossible) / 2;
            if (CanBeMade(k, reds, greens, blues)) possible = k;
            else impossible = k;
        }
        return possible;
    }

    /// <summary>Every choice tried, for a handful of events.</summary>
    public static int ByTrying(IReadOnlyList<(Colour Colour, long Timestamp)> events)
    {
        var best = 0;
        var reds = events.Where(e => e.Colour == Colour.Red).Select(e => e.Timestamp).ToList();
        Try(0, 0, []);
        return best;

        void Try(int red, int sets, HashSet<int> used)
        {
            best = Math.Max(best, sets);
            if (red == reds.Count) return;
            Try(red + 1, sets, used);
            for (var g = 0; g < events.Count; g++)
            {
                if (events[g].Colour != Colour.Green || events[g].Timestamp < reds[red] || used.Contains(g)) continue;
                for (var b = 0; b < events.Count; b++)
                {
                    if (events[b].Colour != Colour.Blue || events[b].Timestamp < events[g].Timestamp || used.Contains(b)) continue;
                    Try(red + 1, sets + 1, [.. used, g, b]);
                }
            }
        }
    }

    private static bool CanBeMade(int k, long[] reds, long[] greens, long[] blues)
    {
        var green = 0;
        for (var i = 0; i < k; i++)
        {
            while (green < greens.Length && greens[green] < reds[i]) green++;
            if (green == greens.Length || greens[green] > blues[blues.Length - k + i]) return false;
            green++;
        }
        return true;
    }

    private static long[] Sorted(IEnumerable<long> timestamps) => [.. timestamps.Order()];
}
