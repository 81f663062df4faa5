using System.Globalization;
using System.Text;
using Tally.ProcessorService.Jobs.ColourSets;

namespace Tally.Tests.Unit.Processor.ColourSets;

/// <summary>Sets against an optimum found with all events at hand.</summary>
public sealed class HeldEventsTests
{
    private const long Plenty = 1L << 30;

    [Test]
    public void The_offline_optimum_is_what_trying_everything_finds()
    {
        var random = new Random(1);
        for (var n = 0; n < 300; n++)
        {
            var events = Draw(random, random.Next(0, 10), random.Next(1, 8));
            Assert.That(OfflineOptimum.Of(events), Is.EqualTo(OfflineOptimum.ByTrying(events)), string.Join(" ", events));
        }
    }

    [Test]
    public void As_many_sets_as_any_matching_could_reach_are_made_of_any_stream_at_any_moment([Range(1, 12)] int seed)
    {
        var random = new Random(seed);
        for (var stream = 0; stream < 1000; stream++)
        {
            var events = Draw(random, random.Next(1, 120), random.Next(1, 200));
            var held = new HeldEvents(new HoldingLimits(Plenty, SegmentEvents: random.Next(1, 12), random.Next(2) == 0 ? random.Next(1, 5) : null));
            for (var at = 0; at < events.Count; at++)
            {
                held.Add(events[at].Colour, events[at].Timestamp);
                // Looking settles, so that streams are merged in parts of every size.
                if (random.Next(10) == 0) Check(held.View(), events.Take(at + 1).ToList(), $"seed {seed}, stream {stream}, event {at}");
            }
            Check(held.View(), events, $"seed {seed}, stream {stream}");
            Assert.That(held.OutOfOrder, Is.EqualTo(OutOfOrder(events)), $"seed {seed}, stream {stream}");
        }
    }

    [Test]
    public void Any_range_gives_the_sets_whose_red_lies_in_it([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var held = new HeldEvents(new HoldingLimits(Plenty, SegmentEvents: 20));
        foreach (var (colour, timestamp) in Draw(random, 400, 300)) held.Add(colour, timestamp);
        var view = held.View();
        var all = view.Between(long.MinValue, long.MaxValue).ToList();
        Assert.That(view.Retired, Is.GreaterThan(3), "the range goes over several segments");
        for (var n = 0; n < 200; n++)
        {
            var (start, end) = (random.NextInt64(-5, 310), random.NextInt64(-5, 310));
            Assert.That(view.Between(start, end), Is.EqualTo(all.Where(s => s.Red >= start && s.Red <= end)), $"seed {seed}: [{start}, {end}]");
        }
    }

    [Test]
    public void A_view_stays_as_it_is_whatever_comes()
    {
        var held = new HeldEvents(new HoldingLimits(Plenty, SegmentEvents: 8));
        foreach (var (colour, timestamp) in Draw(new Random(3), 200, 100)) held.Add(colour, timestamp);
        var view = held.View();
        var before = view.Between(0, 100).ToList();
        foreach (var (colour, timestamp) in Draw(new Random(4), 200, 100)) held.Add(colour, timestamp);
        held.Settle();
        Assert.That(view.Between(0, 100), Is.EqualTo(before));
    }

    [Test]
    public void Oldest_segments_go_whole_when_memory_runs_short_and_the_rest_is_matched_anew([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var events = new List<(Colour Colour, long Timestamp)>();
        var held = new HeldEvents(new HoldingLimits(120_000, SegmentEvents: 64));
        long aged = 0;
        held.Dropped = (boundary, count) =>
        {
            aged += count;
            Assert.That(events.RemoveAll(e => e.Timestamp < boundary), Is.EqualTo(count), $"seed {seed}");
        };
        for (var n = 0; n < 20_000; n++)
        {
            // Wide apart, so that each takes several bytes.
            var one = ((Colour)random.Next(3), n * 1_000_000L + random.NextInt64(200_000_000));
            events.Add(one);
            held.Add(one.Item1, one.Item2);
            if (n % 1000 != 0) continue;
            held.Settle();
            Assert.That(held.Bytes, Is.LessThanOrEqualTo(120_000 * 8 / 10), $"seed {seed}");
        }
        Check(held.View(), events, $"seed {seed}");
        Assert.Multiple(() =>
        {
            Assert.That(held.AgedOut, Is.EqualTo(aged).And.Positive);
            Assert.That(events, Has.Count.EqualTo(20_000 - aged));
        });
    }

    [Test]
    public void Retired_segments_beyond_the_number_asked_for_are_dropped()
    {
        var held = new HeldEvents(new HoldingLimits(Plenty, SegmentSets: 10, RetiredSegments: 3));
        for (var n = 0; n < 3000; n++) held.Add((Colour)(n % 3), n);
        var view = held.View();
        Assert.Multiple(() =>
        {
            Assert.That(view.Retired, Is.EqualTo(3));
            Assert.That(view.Sets, Is.InRange(30, 50));
            Assert.That(held.AgedOut, Is.EqualTo(3000 - view.Flow.Reds - view.Flow.Greens - view.Flow.Blues));
        });
    }

    [Test]
    public void Only_red_is_no_set()
    {
        var held = new HeldEvents(new HoldingLimits(Plenty));
        for (var n = 0; n < 10_000; n++) held.Add(Colour.Red, n);
        Assert.That(held.View().Sets, Is.Zero);
    }

    [Test]
    public void The_same_timestamp_of_ten_thousand_events_makes_sets_in_any_order()
    {
        var held = new HeldEvents(new HoldingLimits(Plenty, SegmentEvents: 100));
        foreach (var colour in (Colour[])[Colour.Blue, Colour.Green, Colour.Red])
            for (var n = 0; n < 10_000; n++) held.Add(colour, 42);
        Assert.That(held.View().Sets, Is.EqualTo(10_000));
    }

    [TestCase("alternate")]
    [TestCase("burst")]
    [TestCase("out-of-order")]
    [TestCase("reversed")]
    [TestCase("in no order")]
    public void Three_million_events_make_a_million_sets_in_a_few_bytes_each(string scenario)
    {
        const int count = 3_000_000, burst = 10_000;
        var held = new HeldEvents(new HoldingLimits(Plenty));
        var order = Enumerable.Range(0, count).ToArray();
        if (scenario == "in no order") new Random(1).Shuffle(order);
        var most = 0L;
        foreach (var n in order)
        {
            var (colour, timestamp) = scenario switch
            {
                "alternate" or "in no order" => (n % 3, (long)n),
                "burst" => (n / burst % 3, n),
                "reversed" => (2 - (n % 3), count - n),
                _ => ((n + 1) % 3, n - (n % 3) + ((n + 1) % 3)),
            };
            held.Add((Colour)colour, 1_700_000_000_000 + timestamp);
            if (n % 1000 == 0) most = Math.Max(most, held.Gathered);
        }
        var view = held.View();
        TestContext.Out.WriteLine($"{scenario}: {(double)held.Bytes / count:F2} bytes an event held, {view.Retired} retired segments");
        Assert.Multiple(() =>
        {
            Assert.That(view.Sets, Is.EqualTo(count / 3));
            Assert.That(held.Bytes, Is.LessThan(4L * count));
            // What waits to be merged takes eight bytes each, and twice that while it is: events in order need not wait.
            if (scenario != "in no order") Assert.That(most, Is.LessThanOrEqualTo(8192));
        });
    }

    [Test]
    public void Timestamps_at_both_ends_of_64_bits_are_held_and_matched()
    {
        var held = new HeldEvents(new HoldingLimits(Plenty, SegmentEvents: 1));
        foreach (var (colour, timestamp) in ((Colour, long)[])[(Colour.Blue, long.MaxValue), (Colour.Red, long.MinValue), (Colour.Green, 0)]) held.Add(colour, timestamp);
        Assert.That(held.View().Between(long.MinValue, long.MaxValue), Is.EqualTo(new[] { new ColourSet(long.MinValue, 0, long.MaxValue) }));
    }

    [TestCase("R_1", Colour.Red, 1)]
    [TestCase("G_-5", Colour.Green, -5)]
    [TestCase("B_9223372036854775807", Colour.Blue, long.MaxValue)]
    public void An_event_is_read(string text, Colour colour, long timestamp)
    {
        Assert.That(ColourEvent.TryRead(Encoding.UTF8.GetBytes(text), out var readColour, out var readTimestamp));
        Assert.That((readColour, readTimestamp), Is.EqualTo((colour, timestamp)));
    }

    [TestCase("")]
    [TestCase("R")]
    [TestCase("R_")]
    [TestCase("r_1")]
    [TestCase("X_1")]
    [TestCase("R1")]
    [TestCase("R_+1")]
    [TestCase("R_1 ")]
    [TestCase("R_1.0")]
    [TestCase("R_9223372036854775808")]
    [TestCase("R_1\n")]
    public void Anything_else_is_not(string text) => Assert.That(ColourEvent.TryRead(Encoding.UTF8.GetBytes(text), out _, out _), Is.False);

    private static void Check(SetView view, IReadOnlyCollection<(Colour Colour, long Timestamp)> events, string where)
    {
        var sets = view.Between(long.MinValue, long.MaxValue).ToList();
        Assert.That(view.Sets, Is.EqualTo(OfflineOptimum.Of(events)), where);
        Assert.That(sets, Has.Count.EqualTo(view.Sets), where);
        Assert.That(sets.All(s => s.Red <= s.Green && s.Green <= s.Blue), where);
        Assert.That(sets.Select(s => s.Red), Is.Ordered, where);
        foreach (var colour in Enum.GetValues<Colour>())
        {
            // Each used once: as often as it came at the most.
            var held = events.Where(e => e.Colour == colour).GroupBy(e => e.Timestamp).ToDictionary(g => g.Key, g => g.Count());
            var used = sets.GroupBy(s => colour switch { Colour.Red => s.Red, Colour.Green => s.Green, _ => s.Blue });
            Assert.That(used.All(u => u.Count() <= held.GetValueOrDefault(u.Key)), $"{where}: {colour.ToString().ToLower(CultureInfo.InvariantCulture)}");
        }
    }

    private static List<(Colour Colour, long Timestamp)> Draw(Random random, int count, int span) =>
        [.. Enumerable.Range(0, count).Select(_ => ((Colour)random.Next(3), (long)random.Next(span)))];

    private static int OutOfOrder(IEnumerable<(Colour, long Timestamp)> events)
    {
        var (newest, count) = (long.MinValue, 0);
        foreach (var (_, timestamp) in events)
        {
            if (timestamp < newest) count++;
            newest = Math.Max(newest, timestamp);
        }
        return count;
    }
}
