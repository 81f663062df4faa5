using StackExchange.Redis;

namespace Tally.Shared.ReadModel;

/// <summary>One multiplexer with its calls under way. A call that its caller gave up still counts until it ends.</summary>
internal sealed class RedisLink(ConnectionMultiplexer multiplexer, int maxInFlight, TimeProvider clock)
{
    private int _inFlight;
    private long _lastSign = clock.GetTimestamp();

    public ConnectionMultiplexer Multiplexer => multiplexer;

    /// <summary>Another server is the right one by now.</summary>
    public bool Obsolete { get; set; }

    /// <summary>How long nothing was heard although calls wait, or the connection has been broken.</summary>
    public TimeSpan Silence
    {
        get
        {
            if (Volatile.Read(ref _inFlight) == 0 && multiplexer.IsConnected) Heard();
            return clock.GetElapsedTime(Interlocked.Read(ref _lastSign));
        }
    }

    public async Task<T> CallAsync<T>(Func<IDatabase, Task<T>> call, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _inFlight) > maxInFlight)
        {
            Interlocked.Decrement(ref _inFlight);
            throw new RedisUnavailableException($"{maxInFlight} calls to Redis are under way already (Redis:MaxInFlight).");
        }
        Task<T> task;
        try
        {
            task = call(multiplexer.GetDatabase());
        }
        catch
        {
            Interlocked.Decrement(ref _inFlight);
            throw;
        }
        _ = task.ContinueWith(Ended, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return await task.WaitAsync(cancellation).ConfigureAwait(false);
    }

    private void Ended(Task task)
    {
        Interlocked.Decrement(ref _inFlight);
        if (task.Exception is null || task.Exception.InnerException is RedisServerException) Heard();
    }

    private void Heard() => Interlocked.Exchange(ref _lastSign, clock.GetTimestamp());
}
