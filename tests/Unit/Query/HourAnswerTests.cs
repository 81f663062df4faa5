using System.Globalization;
using System.Text;
using System.Text.Json;
using Tally.QueryService.Analytics;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query;

/// <summary>The bytes of an answer, whatever the culture of the machine.</summary>
public sealed class HourAnswerTests
{
    private static readonly SourceProgress Progress = new(1, [new(1, 0, 1, 1, 0)]);

    [TestCase("")]
    [TestCase("de-DE")]
    [TestCase("tr-TR")]
    [TestCase("ar-SA")]
    public void The_body_is_exact(string culture)
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = Culture(culture);
            var answer = new HourAnswer(494_000, new HourCounts(1234567, 0, long.MaxValue), Progress);

            Assert.That(answer.Text, Is.EqualTo("unique_users,1234567\nclicks,0\nimpressions,9223372036854775807\n"u8.ToArray()));
            Assert.That(Encoding.UTF8.GetString(answer.Json),
                Is.EqualTo("{\"unique_users\":1234567,\"clicks\":0,\"impressions\":9223372036854775807,\"hour_start\":1778400000000}\n"));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Test]
    public void Json_is_json()
    {
        var json = JsonDocument.Parse(new HourAnswer(0, new HourCounts(1, 2, 3), Progress).Json).RootElement;

        Assert.That(json.GetProperty("clicks").GetInt64(), Is.EqualTo(2));
        Assert.That(json.GetProperty("hour_start").GetInt64(), Is.Zero);
    }

    [Test]
    public void Its_position_is_the_last_event_of_each_partition_that_may_be_in_the_numbers()
    {
        var progress = new SourceProgress(4, [new(1, 0, 10, 1, 0), new(1, 1, 20, 1, 0), new(1, 3, 0, 1, 0)]);

        Assert.Multiple(() =>
        {
            Assert.That(new HourAnswer(0, default, progress).Position, Is.EqualTo("0.9,1.19"));
            Assert.That(new HourAnswer(0, default, progress, [0, 33, 7]).Position, Is.EqualTo("0.9,1.32,2.6"), "counts may be ahead of the progress");
            Assert.That(new HourAnswer(0, default, progress, [8, 5, 0, 0, 2]).Position, Is.EqualTo("0.9,1.19,4.1"));
            Assert.That(new HourAnswer(0, default, new SourceProgress(0, [])).Position, Is.Empty);
        });
    }

    /// <summary>Without ICU a culture is only a name; its separators, signs and digits are set as the real one has them.</summary>
    private static CultureInfo Culture(string name)
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat.NumberGroupSeparator = name == "de-DE" ? "." : "\u066C";
        culture.NumberFormat.NegativeSign = "\u2212";
        culture.NumberFormat.NumberGroupSizes = [3];
        if (name == "ar-SA") culture.NumberFormat.NativeDigits = ["٠", "١", "٢", "٣", "٤", "٥", "٦", "٧", "٨", "٩"];
        return culture;
    }
}
