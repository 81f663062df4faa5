using Microsoft.Extensions.Primitives;
using Tally.QueryService.Ranges;
using Tally.Shared.Contracts;
using Tally.Shared.Sketches;

namespace Tally.Tests.Unit.Query.Ranges;

public sealed class RangeQueryTests
{
    private const int MaxDays = 3_660;
    private const long Hour = Hours.MillisecondsPerHour;

    [TestCase("?from=0&to=3600000&step=hour", SpanKind.Hour, 0, 1)]
    [TestCase("?from=1&to=3600001&step=hour", SpanKind.Hour, 0, 2)]
    [TestCase("?step=hour&to=7200000&from=3600000", SpanKind.Hour, 1, 2)]
    [TestCase("?from=3599999&to=3600000&step=hour", SpanKind.Hour, 0, 1)]
    [TestCase("?from=0&to=1&step=day", SpanKind.Day, 0, 24)]
    [TestCase("?from=90000000&to=172800000&step=day", SpanKind.Day, 24, 48)]
    [TestCase("?from=90000000&to=172800001&step=day", SpanKind.Day, 24, 72)]
    [TestCase("?from=253402300799998&to=253402300799999&step=day", SpanKind.Day, 70389504, 70389528)]
    public void A_range_is_widened_to_whole_steps(string query, SpanKind kind, long from, long to)
    {
        Assert.That(RangeQuery.TryParse(query, StringValues.Empty, MaxDays, out var request, out _), Is.True);
        Assert.That(request!.Range, Is.EqualTo(new SpanRun(kind, from, to)));
    }

    [TestCase("", "from")]
    [TestCase("?to=1&step=hour", "from")]
    [TestCase("?from=&to=1&step=hour", "from")]
    [TestCase("?from=-1&to=1&step=hour", "from")]
    [TestCase("?from=1.5&to=2&step=hour", "from")]
    [TestCase("?from=1e3&to=2&step=hour", "from")]
    [TestCase("?from=253402300800000&to=253402300800001&step=hour", "from")]
    [TestCase("?from=99999999999999999999&to=2&step=hour", "from")]
    [TestCase("?from=1&from=1&to=2&step=hour", "from")]
    [TestCase("?from=1&step=hour", "to")]
    [TestCase("?from=1&to=x&step=hour", "to")]
    [TestCase("?from=2&to=1&step=hour", "to")]
    [TestCase("?from=1&to=1&step=hour", "to")]
    [TestCase("?from=1&to=2", "step")]
    [TestCase("?from=1&to=2&step=", "step")]
    [TestCase("?from=1&to=2&step=week", "step")]
    [TestCase("?from=1&to=2&step=Hour", "step")]
    [TestCase("?from=1&to=2&step=hour&step=day", "step")]
    [TestCase("?from=1&to=2&step=hour&limit=3", "limit")]
    [TestCase("?from=1&to=2&step=hour&after=x", "after")]
    [TestCase("?from=1&to=2&step=hour&after=0.0&wait=x", "wait")]
    public void What_is_wrong_is_refused_by_its_field(string query, string field)
    {
        Assert.That(RangeQuery.TryParse(query, StringValues.Empty, MaxDays, out _, out var problem), Is.False);
        Assert.That((problem!.Status, problem.Field), Is.EqualTo((400, field)));
    }

    [Test]
    public void The_longest_range_is_taken_and_one_step_more_is_not([Values("hour", "day")] string step)
    {
        var to = MaxDays * 24 * Hour;
        Assert.That(RangeQuery.TryParse($"?from=0&to={to}&step={step}", StringValues.Empty, MaxDays, out _, out _), Is.True);
        Assert.That(RangeQuery.TryParse($"?from=0&to={to + 1}&step={step}", StringValues.Empty, MaxDays, out _, out var problem), Is.False);
        Assert.That((problem!.Code, problem.Field, problem.Detail), Is.EqualTo(("range-too-long", "to", "The range is longer than 3660 days (Range:MaxDays): ask for parts of it.")));
    }
}
