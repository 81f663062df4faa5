using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Storage;

/// <summary>Something written to that may need a flush to the disk.</summary>
internal interface IFlushable
{
    /// <summary>Flushes what has been written so far; on failure the file accepts nothing more.</summary>
    void FlushToDisk();
}

/// <summary>
/// Carries out the flush policy for all files. Nothing runs while nothing is dirty. In group mode a round flushes every dirty file once and then
/// releases all who wait; a writer marks its file dirty before it waits, so the round it waits for began after its write.
/// </summary>
internal sealed partial class FlushScheduler : IAsyncDisposable
{
    private readonly FlushPolicy _policy;
    private readonly TimeSpan _interval;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private HashSet<IFlushable> _dirty = [];
    private TaskCompletionSource _next = NewRound();
    private Task _round = Task.CompletedTask;
    private bool _scheduled;
    private bool _disposed;

    public FlushScheduler(FlushPolicy policy, TimeSpan interval, TimeProvider time, ILogger log)
    {
        (_policy, _interval, _log) = (policy, interval, log);
        _timer = time.CreateTimer(_ => StartRound(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>True when an answer must wait for the disk.</summary>
    public bool IsGroup => _policy == FlushPolicy.Group;

    public bool FlushesMetadata => _policy != FlushPolicy.Never;

    public void MarkDirty(IFlushable file)
    {
        if (_policy == FlushPolicy.Never)
            return;
        lock (_gate)
        {
            if (!_dirty.Add(file) || _scheduled || _disposed)
                return;
            _scheduled = true;
        }

        if (IsGroup)
            StartRound();
        else
            _timer.Change(_interval, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Completes once everything marked dirty before the call is on the disk; at once unless the policy is group.</summary>
    public Task WhenDurableAsync()
    {
        if (!IsGroup)
            return Task.CompletedTask;
        lock (_gate)
            return _dirty.Count > 0 ? _next.Task : _round;
    }

    public void Forget(IFlushable file)
    {
        lock (_gate)
            _dirty.Remove(file);
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
            _disposed = true;
        await _timer.DisposeAsync();
        Task round;
        lock (_gate)
            round = _round;
        await round.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        FlushOnce();
    }

    private static TaskCompletionSource NewRound() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void StartRound() => _ = Task.Run(RunRounds);

    private void RunRounds()
    {
        while (FlushOnce() && IsGroup)
        {
        }
    }

    /// <summary>False when there was nothing to flush.</summary>
    private bool FlushOnce()
    {
        HashSet<IFlushable> files;
        TaskCompletionSource round;
        lock (_gate)
        {
            if (_dirty.Count == 0)
            {
                _scheduled = false;
                return false;
            }

            (files, _dirty) = (_dirty, []);
            (round, _next) = (_next, NewRound());
            _round = round.Task;
            _scheduled = IsGroup;
        }

        foreach (IFlushable file in files)
        {
            try
            {
                file.FlushToDisk();
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
            {
                LogFlushFailed(e);
            }
        }

        round.SetResult();
        return true;
    }

    [LoggerMessage(1, LogLevel.Error, "A flush to the disk failed; the file it belongs to takes nothing more until the broker is restarted")]
    private partial void LogFlushFailed(Exception e);
}
