namespace Tally.LocalBroker.Storage;

/// <summary>
/// One waiting fetch, woken by whichever comes first: the bytes it asked for, over all its partitions, the end of its time, or the end of its connection.
/// </summary>
internal sealed class FetchWaiter : IDisposable
{
    private readonly TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer _timer;
    private readonly CancellationTokenRegistration _closed;
    private long _missing;

    public FetchWaiter(long bytes, TimeProvider time, TimeSpan limit, CancellationToken closed)
    {
        _missing = bytes;
        _timer = time.CreateTimer(static s => ((FetchWaiter)s!).Wake(), this, limit, Timeout.InfiniteTimeSpan);
        _closed = closed.UnsafeRegister(static s => ((FetchWaiter)s!).Wake(), this);
    }

    public Task Woken => _woken.Task;

    /// <summary>Notes bytes that came; true when there are enough.</summary>
    public bool Came(long bytes) => Interlocked.Add(ref _missing, -bytes) <= 0;

    public void Wake() => _woken.TrySetResult();

    public void Dispose()
    {
        _timer.Dispose();
        _closed.Dispose();
    }
}
