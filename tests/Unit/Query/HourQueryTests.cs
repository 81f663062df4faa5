using FsCheck;
using FsCheck.Fluent;
using Tally.QueryService.Analytics;

namespace Tally.Tests.Unit.Query;

/// <summary>What a query string means, and why one is refused.</summary>
public sealed class HourQueryTests
{
    [TestCase("?timestamp=0", 0)]
    [TestCase("?timestamp=123", 0)]
    [TestCase("?timestamp=3599999", 0)]
    [TestCase("?timestamp=3600000", 1)]
    [TestCase("?timestamp=1763712000000", 489920)]
    [TestCase("?timestamp=253402300799999", 70389527)]
    [TestCase("?timestamp=000000000000000000000000000123", 0)]
    [TestCase("?timestamp=%31%32%33", 0)]
    [TestCase("?time%73tamp=3600000", 1)]
    [TestCase("?&timestamp=3600000&", 1)]
    public void A_timestamp_falls_into_its_GMT_hour(string query, long expected)
    {
        Assert.That(HourQuery.TryParse(query, default, out var request, out var problem), Is.True, () => problem!.Detail);
        Assert.That(request.Hour, Is.EqualTo(expected));
    }

    [TestCaseSource(nameof(Refused))]
    public void What_is_wrong_is_refused_by_its_field(string query, string field)
    {
        Assert.That(HourQuery.TryParse(query, default, out _, out var problem), Is.False);
        Assert.Multiple(() =>
        {
            Assert.That(problem!.Field, Is.EqualTo(field));
            Assert.That(problem.Status, Is.EqualTo(400));
            Assert.That(HourQuery.TryParsePlain(query, out _), Is.False, "the short way takes what the long way refuses");
        });
    }

    /// <summary>Raw query strings, as they stand in the request line.</summary>
    public static IEnumerable<TestCaseData> Refused()
    {
        string[] values =
        [
            "", "abc", "1.5", "1e3", "%201", "+1", "%2B1", "0x10", "-1", "-0", "253402300800000", "9223372036854775807", "9223372036854775808",
            new string('9', 400), "%EF%BC%91", "\uFF11", "NaN", "%00", "1%00", "123;DROP", "%G1", "%", "1%", "1,000", "١٢٣", "1_000", "true", "null",
        ];
        foreach (var value in values) yield return new TestCaseData($"?timestamp={value}", "timestamp");
        foreach (var query in (string[])["", "?", "?timestamp", "?timestamp=1&timestamp=1", "?timestamp=1&timestamp=2", "?timestamp=1&time%73tamp=1", "?&&"])
            yield return new TestCaseData(query, "timestamp");
        yield return new TestCaseData("?timestamp=1&user=ada", "user");
        yield return new TestCaseData("?Timestamp=1", "Timestamp");
        yield return new TestCaseData("?timestamp=1&%0d%0a=1", "query");
        yield return new TestCaseData("?timestamp=1&<script>=1", "query");
        yield return new TestCaseData($"?timestamp=1&{new string('a', 65)}=1", "query");
        yield return new TestCaseData("?timestamp=1&=", "query");
    }

    [FsCheck.NUnit.Property(MaxTest = 500)]
    public Property The_short_way_and_the_long_way_mean_the_same() =>
        Prop.ForAll(ArbMap.Default.ArbFor<ulong>(), number =>
        {
            var query = $"?timestamp={number % (number % 3 == 0 ? ulong.MaxValue : 300_000_000_000_000UL)}";
            var plain = HourQuery.TryParsePlain(query, out var a);
            var full = HourQuery.TryParse(query, default, out var b, out _);
            return plain == full && (!plain || a == b.Hour);
        });

    [Test]
    public void The_usual_form_is_read_without_allocating()
    {
        const string Query = "?timestamp=1763712000000";
        Assert.That(HourQuery.TryParsePlain(Query, out _), Is.True);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            if (!HourQuery.TryParsePlain(Query, out _)) throw new InvalidOperationException("not read");
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }
}
