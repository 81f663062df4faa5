namespace Tally.Tests.Unit.Processor;

/// <summary>A clock that only moves when told. The wall clock can be stepped like a real one; what is measured between two moments goes on evenly.</summary>
public sealed class ManualClock : TimeProvider
{
    private DateTimeOffset _now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private TimeSpan _stepped;

    public long NowMs => GetUtcNow().ToUnixTimeMilliseconds();

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now.Ticks;

    public override DateTimeOffset GetUtcNow() => _now + _stepped;

    public void Advance(TimeSpan time) => _now += time;

    /// <summary>Somebody sets the wall clock.</summary>
    public void Step(TimeSpan by) => _stepped += by;
}
