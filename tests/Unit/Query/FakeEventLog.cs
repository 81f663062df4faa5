using Tally.QueryService.Positions;

namespace Tally.Tests.Unit.Query;

/// <summary>An events' topic that says what the test says.</summary>
public sealed class FakeEventLog : IEventLog
{
    private int _checks;

    public int Checks => Volatile.Read(ref _checks);

    public Func<PositionSet, Task<PositionCheck>> Answer { get; set; } = _ => Task.FromResult(PositionCheck.Written);

    public Task<PositionCheck> CheckAsync(PositionSet positions, CancellationToken cancellation)
    {
        Interlocked.Increment(ref _checks);
        return Answer(positions).WaitAsync(cancellation);
    }
}
