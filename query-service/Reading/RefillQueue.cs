using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Reading;

/// <summary>
/// Brings hours that Redis lacked back into it, behind the answers: one refill an hour, tried again until the archive has caught up.
/// </summary>
public sealed partial class RefillQueue(IHourRefill refill, IOptions<QueryOptions> options, TimeProvider clock, ILogger<RefillQueue> logger)
    : IHostedService, IDisposable
{
    private static readonly TimeSpan OneTry = TimeSpan.FromSeconds(5);

    private readonly QueryOptions _options = options.Value;
    private readonly ConcurrentDictionary<long, Task> _pending = new();
    private readonly SemaphoreSlim _places = new(options.Value.RefillConcurrency);
    private readonly CancellationTokenSource _stopping = new();
    private int _count;

    /// <summary>Refills pending.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Begins a refill of the hour, unless one is pending or the queue is full.</summary>
    public void Offer(long hour)
    {
        if (_stopping.IsCancellationRequested || _pending.ContainsKey(hour)) return;
        if (Interlocked.Increment(ref _count) > _options.RefillQueue)
        {
            Interlocked.Decrement(ref _count);
            ReadingTelemetry.Refilled("refused");
            return;
        }
        var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_pending.TryAdd(hour, RunAsync(hour, begin.Task))) begin.SetResult();
        else
        {
            begin.SetCanceled();
            Interlocked.Decrement(ref _count);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_pending.Values).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Dispose()
    {
        _stopping.Dispose();
        _places.Dispose();
    }

    private async Task RunAsync(long hour, Task begin)
    {
        try
        {
            await begin.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Another refill of this hour came first.
            return;
        }
        try
        {
            ReadingTelemetry.Refilled(await UntilCompleteAsync(hour, _stopping.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
        finally
        {
            _pending.TryRemove(hour, out _);
            Interlocked.Decrement(ref _count);
        }
    }

    private async Task<string> UntilCompleteAsync(long hour, CancellationToken stopping)
    {
        var begun = clock.GetTimestamp();
        while (true)
        {
            var (complete, failure) = await TryAsync(hour, stopping).ConfigureAwait(false);
            if (complete) return "complete";
            if (clock.GetElapsedTime(begun) >= _options.RefillFor)
            {
                GaveUp(logger, Hours.Name(hour), failure?.Message ?? "the archive is still behind");
                return failure is null ? "behind" : "failed";
            }
            await Task.Delay(_options.RefillEvery, clock, stopping).ConfigureAwait(false);
        }
    }

    private async Task<(bool Complete, Exception? Failure)> TryAsync(long hour, CancellationToken stopping)
    {
        await _places.WaitAsync(stopping).ConfigureAwait(false);
        using var limit = new CancellationTokenSource(OneTry, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        try
        {
            return (await refill.RefillAsync(hour, either.Token).WaitAsync(either.Token).ConfigureAwait(false), null);
        }
        catch (Exception e) when (!stopping.IsCancellationRequested)
        {
            // Redis or the archive is away: the next turn, or the next miss, tries again.
            return (false, e);
        }
        finally
        {
            _places.Release();
        }
    }

    [LoggerMessage(EventId = 4111, Level = LogLevel.Warning, Message = "Hour {Hour} was not brought back into Redis: {Reason}; the next miss tries again")]
    private static partial void GaveUp(ILogger logger, string hour, string reason);
}
