namespace Tally.LocalBroker.Storage;

/// <summary>One waiting fetch, woken by whichever comes first: data in a partition, the end of its time, or the end of its connection.</summary>
internal sealed class FetchWaiter : IDisposable
{
    private readonly TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer _timer;
    private readonly CancellationTokenRegistration _closed;

    public FetchWaiter(TimeProvider time, TimeSpan limit, CancellationToken closed)
    {
        _timer = time.CreateTimer(static s => ((FetchWaiter)s!).Wake(), this, limit, Timeout.InfiniteTimeSpan);
        _closed = closed.UnsafeRegister(static s => ((FetchWaiter)s!).Wake(), this);
    }

    public Task Woken => _woken.Task;

    public void Wake() => _woken.TrySetResult();

    public void Dispose()
    {
        _timer.Dispose();
        _closed.Dispose();
    }
}
