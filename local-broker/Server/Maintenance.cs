using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Server;

/// <summary>Looks after the logs in the background: checkpoints, retention, expiry. A round that fails is logged, and the next one tries again.</summary>
internal sealed partial class Maintenance : IAsyncDisposable
{
    private static readonly TimeSpan TransactionalIdExpiration = TimeSpan.FromDays(7);
    private readonly BrokerState _state;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly ITimer _timer;
    private volatile bool _stopped;

    public Maintenance(BrokerState state, ILogger log)
    {
        (_state, _log) = (state, log);
        TimeSpan interval = state.Options.MaintenanceInterval;
        _timer = state.Options.TimeProvider.CreateTimer(_ => _ = RunIfIdleAsync(), null, interval, interval);
    }

    /// <summary>One round, after the one that may be under way.</summary>
    public async Task RunOnceAsync()
    {
        await _one.WaitAsync();
        await RunAndReleaseAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _stopped = true;
        await _timer.DisposeAsync();
        await _one.WaitAsync();
        _one.Dispose();
    }

    // A turn that finds the last one still at work is left out.
    private Task RunIfIdleAsync() => !_stopped && _one.Wait(0) ? RunAndReleaseAsync() : Task.CompletedTask;

    private Task RunAndReleaseAsync() => Task.Run(() =>
    {
        try
        {
            Run();
        }
        finally
        {
            _one.Release();
        }
    });

    private void Run()
    {
        long now = _state.Options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (PartitionLog log in _state.Topics.All.Values.SelectMany(t => t.Partitions))
        {
            if (_stopped)
                return;
            try
            {
                log.ApplyRetention(now - (long)_state.Options.ProducerIdExpiration.TotalMilliseconds);
                log.Checkpoint(everything: false);
                log.Clean();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException or DataFolderException or InvalidDataException or MalformedRequestException)
            {
                LogFailed(e, log.Topic, log.Partition);
            }
        }

        _state.Groups.ExpireOffsets();
        _state.Transactions.ExpireIdle(now - (long)TransactionalIdExpiration.TotalMilliseconds);
    }

    [LoggerMessage(40, LogLevel.Error, "{Topic}-{Partition}: retention, checkpoint or compaction failed and is tried again later")]
    private partial void LogFailed(Exception e, string topic, int partition);
}
