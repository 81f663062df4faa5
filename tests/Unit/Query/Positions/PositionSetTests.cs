using Microsoft.Extensions.Primitives;
using Tally.QueryService.Analytics;
using Tally.QueryService.Positions;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query.Positions;

/// <summary>What a position means, and which are refused.</summary>
public sealed class PositionSetTests
{
    [TestCase("0.0", "0.0")]
    [TestCase("7.123456789012345678", "7.123456789012345678")]
    [TestCase("3.9,1.4", "1.4,3.9")]
    [TestCase("1.4, 3.9", "1.4,3.9")]
    [TestCase("1.4,1.9,1.5", "1.9")]
    public void Of_each_partition_the_furthest_counts(string text, string expected)
    {
        Assert.That(PositionSet.TryParse(text, out var positions), Is.True);
        Assert.That(positions!.ToString(), Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase("1")]
    [TestCase("1.")]
    [TestCase(".1")]
    [TestCase("1.2.3")]
    [TestCase("-1.2")]
    [TestCase("1.-2")]
    [TestCase("+1.2")]
    [TestCase("1,2")]
    [TestCase("1.2,")]
    [TestCase("1.2;3.4")]
    [TestCase("0x1.2")]
    [TestCase("a.b")]
    [TestCase("99999.1")]
    [TestCase("1.1234567890123456789")]
    public void Another_form_is_refused_and_the_field_named(string text)
    {
        Assert.That(PositionSet.TryParse(text, out _), Is.False);
        if (text.Length > 0)
        {
            Assert.That(HourQuery.TryParse("?timestamp=1", text, out _, out var inHeader), Is.False);
            Assert.That(inHeader!.Field, Is.EqualTo("Tally-Position"));
        }
        Assert.That(HourQuery.TryParse($"?timestamp=1&after={Uri.EscapeDataString(text)}", default, out _, out var inQuery), Is.False);
        Assert.That(inQuery!.Field, Is.EqualTo("after"));
    }

    [Test]
    public void A_source_is_there_when_it_is_beyond_every_one_of_them()
    {
        Assert.That(PositionSet.TryParse("0.9,2.4", out var positions), Is.True);
        Assert.Multiple(() =>
        {
            Assert.That(positions!.ReachedBy(Progress((0, 10), (1, 0), (2, 5))), Is.True);
            Assert.That(positions.ReachedBy(Progress((0, 9), (1, 100), (2, 5))), Is.False);
            Assert.That(positions.ReachedBy(Progress((0, 10), (1, 100))), Is.False);
        });
    }

    [TestCase("after=1.2", null, "1.2")]
    [TestCase("", "1.2", "1.2")]
    [TestCase("after=1.2", "1.5,3.0", "1.5,3.0")]
    [TestCase("after=1.7", "1.5,3.0", "1.7,3.0")]
    public void Header_and_parameter_are_both_waited_for(string query, string? header, string expected)
    {
        Assert.That(HourQuery.TryParse($"?timestamp=1&{query}", (StringValues)header, out var request, out _), Is.True);
        Assert.That(request.Wait!.Positions.ToString(), Is.EqualTo(expected));
    }

    [TestCase("wait=-1", "wait")]
    [TestCase("wait=10001", "wait")]
    [TestCase("wait=", "wait")]
    [TestCase("wait=1.5", "wait")]
    [TestCase("wait=99999999999999999999", "wait")]
    [TestCase("on-timeout=", "on-timeout")]
    [TestCase("on-timeout=Stale", "on-timeout")]
    [TestCase("wait=1&wait=1", "wait")]
    public void A_wrong_limit_is_refused_by_its_field(string query, string field)
    {
        Assert.That(HourQuery.TryParse($"?timestamp=1&after=1.2&{query}", default, out _, out var problem), Is.False);
        Assert.That(problem!.Field, Is.EqualTo(field));
    }

    private static SourceProgress Progress(params (int Partition, long Next)[] known) =>
        new(known.Max(k => k.Partition) + 1, known.Select(k => new PartitionProgress(1, k.Partition, k.Next, 1, 0)));
}
