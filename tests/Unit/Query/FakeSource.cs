using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query;

/// <summary>A source that does what the test says and counts how often it was asked.</summary>
public sealed class FakeSource(string name) : IHourSource
{
    private int _reads;

    public string Name => name;

    public int Reads => Volatile.Read(ref _reads);

    /// <summary>What a read gives.</summary>
    public Func<long, HourReading> Answer { get; set; } = _ => throw new IOException("nobody there");

    /// <summary>A read waits for this first.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Like the mirror's Redis client: no token ends a call.</summary>
    public bool IgnoresTokens { get; set; }

    public async Task<HourReading> ReadAsync(long hour, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _reads);
        if (IgnoresTokens) await Gate;
        else await Gate.WaitAsync(cancellation);
        return Answer(hour);
    }

    public void Has(HourState state, HourCounts counts, SourceProgress progress) => Answer = _ => new HourReading(state, counts, progress);

    public void IsAway() => Answer = _ => throw new IOException("connection refused");
}

/// <summary>A refill that does what the test says.</summary>
public sealed class FakeRefill : IHourRefill
{
    private int _calls;

    public int Calls => Volatile.Read(ref _calls);

    public Func<long, Task<bool>> Answer { get; set; } = _ => Task.FromResult(true);

    public Task<bool> RefillAsync(long hour, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _calls);
        return Answer(hour);
    }
}
