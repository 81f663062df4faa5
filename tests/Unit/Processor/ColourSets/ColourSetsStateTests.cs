using System.Globalization;
using System.Text;
using Tally.ProcessorService.Jobs.ColourSets;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Processor.ColourSets;

public sealed class ColourSetsStateTests
{
    [Test]
    public void A_restart_holds_the_same_events_makes_the_same_sets_and_keeps_what_was_aged_out([Range(1, 30)] int seed)
    {
        var random = new Random(seed);
        var log = new List<byte[]>[] { [], [], [] };
        ColoursProgress? progress = null;
        for (var life = 0; life < 4; life++)
        {
            var state = new ColourSetsState(new HoldingLimits(60_000, SegmentEvents: 64), 3, progress, 1);
            var read = new int[3];
            Replay(state, log, read, random);
            for (var n = 0; n < 4000; n++)
            {
                var partition = random.Next(3);
                // Now and then far back, below what was dropped.
                var timestamp = random.Next(20) == 0 ? random.NextInt64(1_000_000) : ((life * 4000) + n) * 1_000_000L + random.NextInt64(50_000_000);
                log[partition].Add(random.Next(50) == 0 ? [1, 2, 3] : Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{"RGB"[random.Next(3)]}_{timestamp}")));
                state.Take(partition, log[partition].Count - 1, log[partition][^1]);
            }
            progress = state.Progress(2);
            var view = state.Held.View();
            var (reds, greens, blues) = view.Flow;

            // Twice the memory, so that reading again in another order drops nothing by itself.
            var again = new ColourSetsState(new HoldingLimits(600_000, SegmentEvents: 64), 3, progress, 3);
            Replay(again, log, new int[3], random);
            var same = again.Held.View();
            Assert.Multiple(() =>
            {
                Assert.That(state.Held.AgedOut, Is.Positive, "the memory is too large for the test");
                Assert.That(same.Flow, Is.EqualTo((reds, greens, blues)), $"seed {seed}, life {life}");
                Assert.That(same.Sets, Is.EqualTo(view.Sets), $"seed {seed}, life {life}");
                Assert.That(same.Between(long.MinValue, long.MaxValue), Is.EqualTo(view.Between(long.MinValue, long.MaxValue)), $"seed {seed}, life {life}");
                Assert.That(again.Held.AgedOut, Is.EqualTo(state.Held.AgedOut), $"seed {seed}, life {life}");
                Assert.That(again.Counted, Is.EqualTo(state.Counted), $"seed {seed}, life {life}");
                Assert.That(state.Counted + state.DeadLettered, Is.EqualTo(log.Sum(l => l.Count)), $"seed {seed}, life {life}");
                Assert.That(reds + greens + blues + state.Held.AgedOut, Is.EqualTo(state.Counted), $"seed {seed}, life {life}");
            });
        }
    }

    [Test]
    public void What_retention_removed_from_the_topic_counts_as_aged_out()
    {
        var state = new ColourSetsState(new HoldingLimits(1 << 20), 1, null, 1);
        for (var n = 0; n < 30; n++) state.Take(0, n, Encoding.ASCII.GetBytes($"R_{n}"));
        var again = new ColourSetsState(new HoldingLimits(1 << 20), 1, state.Progress(2), 3);
        again.Reached(0, 10);
        Assert.That(again.Restored, Is.False);
        for (var n = 10; n < 30; n++) again.Take(0, n, Encoding.ASCII.GetBytes($"R_{n}"));
        again.Reached(0, 30);
        Assert.That((again.Restored, again.Held.AgedOut, again.Held.View().Flow.Reds), Is.EqualTo((true, 10L, 20L)));
    }

    private static void Replay(ColourSetsState state, List<byte[]>[] log, int[] read, Random random)
    {
        while (Enumerable.Range(0, 3).Where(p => read[p] < log[p].Count).ToArray() is { Length: > 0 } open)
        {
            var partition = open[random.Next(open.Length)];
            state.Take(partition, read[partition], log[partition][read[partition]]);
            read[partition]++;
        }
        for (var p = 0; p < 3; p++) state.Reached(p, log[p].Count);
    }
}
