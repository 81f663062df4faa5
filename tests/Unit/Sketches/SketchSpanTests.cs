using Tally.Shared.Contracts;
using Tally.Shared.Sketches;

namespace Tally.Tests.Unit.Sketches;

public sealed class SketchSpanTests
{
    [Test]
    public void A_cover_is_the_range_without_gap_or_overlap_in_the_fewest_spans([Range(1, 300)] int seed)
    {
        var random = new Random(seed);
        var from = random.NextInt64(0, 1_000_000);
        var to = from + 1 + random.NextInt64(random.Next(2) == 0 ? 100 : 20_000);

        var covered = new List<(SpanKind Kind, long From, long To)>();
        foreach (var run in SketchSpans.Cover(from, to))
        {
            // Walked span by span with the calendar of .NET.
            for (var at = run.From; at < run.To; at = covered[^1].To) covered.Add((run.Kind, at, Next(run.Kind, at)));
        }
        Assert.Multiple(() =>
        {
            Assert.That(covered[0].From, Is.EqualTo(from), $"seed {seed}");
            Assert.That(covered[^1].To, Is.EqualTo(to));
            Assert.That(covered.Skip(1).Select(s => s.From), Is.EqualTo(covered.SkipLast(1).Select(s => s.To)));
            Assert.That(covered.Select(s => SketchSpans.Start(s.Kind, s.From)), Is.EqualTo(covered.Select(s => s.From)), "each begins where such a span begins");
            Assert.That(covered.Count(s => s.Kind == SpanKind.Hour), Is.LessThan(2 * 24));
            Assert.That(covered.Count(s => s.Kind == SpanKind.Day), Is.LessThan(2 * 31));
        });
    }

    [Test]
    public void The_first_and_the_last_month_of_the_calendar_are_spans_too()
    {
        const long end = (Hours.LastTimestampMs + 1) / Hours.MillisecondsPerHour;
        Assert.Multiple(() =>
        {
            Assert.That(SketchSpans.Cover(0, 31 * 24), Is.EqualTo([new SpanRun(SpanKind.Month, 0, 31 * 24)]));
            Assert.That(SketchSpans.Cover(end - (31 * 24), end), Is.EqualTo([new SpanRun(SpanKind.Month, end - (31 * 24), end)]));
            Assert.That(SketchSpans.Cover(end - 25, end), Is.EqualTo([new SpanRun(SpanKind.Hour, end - 25, end - 24), new SpanRun(SpanKind.Day, end - 24, end)]));
        });
    }

    private static long Next(SpanKind kind, long hour)
    {
        var at = DateTime.UnixEpoch.AddHours(hour);
        var next = kind switch { SpanKind.Hour => at.AddHours(1), SpanKind.Day => at.AddDays(1), _ => at.AddMonths(1) };
        return (long)(next - DateTime.UnixEpoch).TotalHours;
    }
}
