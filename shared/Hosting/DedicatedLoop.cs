using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Tally.Shared.Hosting;

/// <summary>
/// A loop on a thread of its own, for clients that block (librdkafka's consumer). It owns start, stop, heartbeat and fault: when the
/// loop ends with an exception the whole service stops with exit code 1, so that nothing lives on deaf.
/// </summary>
public abstract partial class DedicatedLoop(string name, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger logger)
    : IHostedService, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Thread? _thread;
    private long _lastBeat;
    private int _disposed;

    /// <summary>Time since the loop last called <see cref="Beat"/>; health checks read it.</summary>
    public TimeSpan SinceLastBeat => clock.GetElapsedTime(Interlocked.Read(ref _lastBeat));

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Beat();
        _thread = new Thread(Main) { IsBackground = true, Name = name };
        _thread.Start();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _ended.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Waits for the loop, however long that takes: what was made before it is disposed after it, and native clients and memory that
    /// are disposed under a running loop end the process by a fault.
    /// </summary>
    public void Dispose()
    {
        // A container that knows it under two names does so twice.
        if (Interlocked.Exchange(ref _disposed, 1) == 1) return;
        _stopping.Cancel();
        _thread?.Join();
        _stopping.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The loop. Returns soon after <paramref name="stopping"/> is cancelled, having finished what it began.</summary>
    protected abstract void Run(CancellationToken stopping);

    /// <summary>To be called at every turn of the loop.</summary>
    protected void Beat() => Interlocked.Exchange(ref _lastBeat, clock.GetTimestamp());

    private void Main()
    {
        try
        {
            Run(_stopping.Token);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            Environment.ExitCode = ServiceRun.Failed;
            if (e is ConfigurationException) Refused(logger, name, e.Message);
            else Faulted(logger, e, name);
            lifetime.StopApplication();
        }
        finally
        {
            _ended.TrySetResult();
        }
    }

    [LoggerMessage(EventId = 9101, Level = LogLevel.Critical, Message = "{Loop} stopped: {Reason}")]
    private static partial void Refused(ILogger logger, string loop, string reason);

    [LoggerMessage(EventId = 9102, Level = LogLevel.Critical, Message = "{Loop} failed; the service ends")]
    private static partial void Faulted(ILogger logger, Exception e, string loop);
}
