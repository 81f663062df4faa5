using System.Globalization;
using Tally.ProcessorService.Jobs.Frames;

namespace Tally.Tests.Unit.Frames;

public sealed class WindowTests
{
    [Test]
    public void Windows_are_those_of_the_calendar([Range(1, 10)] int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < 5_000; i++)
        {
            // The last year ends where DateTime does.
            var seconds = random.NextInt64(i % 2 == 0 ? 4_102_444_800 : 253_370_764_800);
            var time = DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime;
            var monday = ISOWeek.ToDateTime(ISOWeek.GetYear(time), ISOWeek.GetWeekOfYear(time), DayOfWeek.Monday);
            var month = new DateTime(time.Year, time.Month, 1);
            var year = new DateTime(time.Year, 1, 1);
            Assert.Multiple(() =>
            {
                Assert.That(Of(WindowKind.Minute, seconds), Is.EqualTo((time.Date.AddMinutes(Math.Floor(time.TimeOfDay.TotalMinutes)), time.Date.AddMinutes(Math.Floor(time.TimeOfDay.TotalMinutes) + 1))));
                Assert.That(Of(WindowKind.Day, seconds), Is.EqualTo((time.Date, time.Date.AddDays(1))));
                Assert.That(Of(WindowKind.Week, seconds), Is.EqualTo((monday, monday.AddDays(7))));
                Assert.That(Of(WindowKind.Month, seconds), Is.EqualTo((month, month.AddMonths(1))));
                Assert.That(Of(WindowKind.Year, seconds), Is.EqualTo((year, year.AddYears(1))));
            });
        }
    }

    [Test]
    public void The_last_second_there_is_has_windows_too() =>
        Assert.That(WindowKinds.All.Select(kind => Window.Of(kind, FrameScanner.LastSecond)), Has.All.Matches<Window>(w => w.Start <= FrameScanner.LastSecond && w.End > FrameScanner.LastSecond));

    [Test]
    public void A_window_lies_within_another_kind_exactly_when_every_one_of_two_years_does()
    {
        foreach (var kind in WindowKinds.All)
            foreach (var other in WindowKinds.All)
            {
                var all = Enumerable.Range(0, 731).Select(day => Window.Of(kind, 1_600_000_000 + (day * 86_400L)))
                    .All(w => Window.Of(other, w.Start) == Window.Of(other, w.End - 1) && kind != other);
                Assert.That(kind.LiesWithin(other), Is.EqualTo(all), $"{kind} in {other}");
            }
    }

    private static (DateTime Start, DateTime End) Of(WindowKind kind, long seconds)
    {
        var window = Window.Of(kind, seconds);
        return (DateTime.UnixEpoch.AddSeconds(window.Start), DateTime.UnixEpoch.AddSeconds(window.End));
    }
}
