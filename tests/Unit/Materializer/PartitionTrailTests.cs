using Tally.MaterializerService.Sinks;

namespace Tally.Tests.Unit.Materializer;

public sealed class PartitionTrailTests
{
    private readonly HandClock _clock = new();

    [Test]
    public void Nothing_written_is_nothing_to_apply_again() => Assert.That(Trail().Begin, Is.Null);

    [Test]
    public void The_last_minute_begins_with_the_first_batch_while_it_is_young()
    {
        var trail = Trail();
        for (var from = 100; from < 130; from++)
        {
            trail.Note(from);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.That(trail.Begin, Is.EqualTo(100));
    }

    [Test]
    public void It_never_begins_later_than_the_oldest_batch_of_the_last_minute([Values(50, 700, 3000)] int everyMs)
    {
        var trail = Trail();
        var written = new List<(TimeSpan At, long From)>();
        var now = TimeSpan.Zero;
        for (var from = 0L; now < TimeSpan.FromMinutes(3); from++)
        {
            trail.Note(from);
            written.Add((now, from));
            now += TimeSpan.FromMilliseconds(everyMs);
            _clock.Advance(TimeSpan.FromMilliseconds(everyMs));
        }
        var oldest = written.First(w => now - w.At <= TimeSpan.FromMinutes(1)).From;

        Assert.That(trail.Begin, Is.LessThanOrEqualTo(oldest).And.GreaterThan(oldest - 10_000 / everyMs));
    }

    private PartitionTrail Trail() => new(TimeSpan.FromMinutes(1), _clock);

    private sealed class HandClock : TimeProvider
    {
        private long _now = 1_000_000;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Advance(TimeSpan by) => _now += by.Ticks;
    }
}
