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
    private static readonly Task<bool> Durable = Task.FromResult(true);
    private readonly FlushPolicy _policy;
    private readonly TimeSpan _interval;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private HashSet<IFlushable> _dirty = [];
    private TaskCompletionSource<bool> _next = NewRound();
    private Task<bool> _round = Durable;
    private bool _scheduled;
    private bool _disposed;
    private volatile bool _failed;

    public FlushScheduler(FlushPolicy policy, TimeSpan interval, TimeProvider time, ILogger log)
    {
        (_policy, _interval, _log) = (policy, interval, log);
        _timer = time.CreateTimer(_ => StartRound(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>True when an answer must wait for the disk.</summary>
    public bool IsGroup => _policy == FlushPolicy.Group;

    /// <summary>True after a flush went wrong in a way that nobody foresaw: nothing more may be accepted, because nothing would be flushed.</summary>
    public bool HasFailed => _failed;

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

    /// <summary>
    /// Completes once everything marked dirty before the call was flushed, at once unless the policy is group. False when a flush failed: then nothing
    /// may be promised unless the file itself is known to be well.
    /// </summary>
    public Task<bool> WhenDurableAsync()
    {
        if (!IsGroup)
            return Durable;
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
        Task<bool> round;
        lock (_gate)
            round = _round;
        await round;
        FlushOnce();
    }

    private static TaskCompletionSource<bool> NewRound() => new(TaskCreationOptions.RunContinuationsAsynchronously);

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
        TaskCompletionSource<bool> round;
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

        bool durable = true;
        foreach (IFlushable file in files)
            durable &= TryFlush(file);
        // Whoever waits is released whatever happened: an answer that never comes holds back all that follow it on its connection.
        round.SetResult(durable);
        return true;
    }

    private bool TryFlush(IFlushable file)
    {
        try
        {
            file.FlushToDisk();
            return !_failed;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or UnauthorizedAccessException)
        {
            LogFlushFailed(e);
        }
        catch (Exception e)
        {
            _failed = true;
            LogFailed(e);
        }

        return false;
    }

    [LoggerMessage(1, LogLevel.Error, "A flush to the disk failed; the file it belongs to takes nothing more until the broker is restarted")]
    private partial void LogFlushFailed(Exception e);

    [LoggerMessage(2, LogLevel.Critical, "A flush to the disk failed unexpectedly; nothing more is accepted until the broker is restarted")]
    private partial void LogFailed(Exception e);
}
