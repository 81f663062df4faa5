using Microsoft.Extensions.Options;
using Tally.QueryService.Http;

namespace Tally.QueryService.Positions;

/// <summary>Reads an hour once the events at certain positions are in it: a writer reads its own writes.</summary>
/// <typeparam name="T">The answer.</typeparam>
public sealed class PositionReader<T>(IPositionedSource<T> source, ProgressWatch watch, IEventLog log, WaitingReads waiting, IOptions<PositionOptions> options, TimeProvider clock)
    where T : class
{
    /// <summary>Before a source that was there and is not any more, such as an emptied Redis, is asked again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>So long even who does not want to wait waits to hear whether there is such an event at all.</summary>
    private static readonly TimeSpan CheckLimit = TimeSpan.FromMilliseconds(250);


    /// <summary>Waits and reads.</summary>
    /// <returns>The answer, or why there is none.</returns>
    public async Task<(T? Answer, Problem? Problem)> ReadAsync(long hour, WaitRequest request, CancellationToken cancellation)
    {
        if (source.TryFind(hour, out var known) && Reached(known, request)) return (known, null);
        if (!waiting.TryEnter()) return (null, PositionProblems.TooManyWait);
        using var limit = new CancellationTokenSource(request.Limit ?? options.Value.Wait, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            // Even who does not want to wait gets what the sources have now.
            var answer = await source.ReadAsync(hour, request.Limit == TimeSpan.Zero ? cancellation : either.Token).ConfigureAwait(false);
            if (Reached(answer, request)) return (answer, null);
            return await WaitAsync(hour, request, either).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return await GiveUpAsync(hour, request, cancellation).ConfigureAwait(false);
        }
        finally
        {
            // Ends whatever still waits on behalf of this read.
            await either.CancelAsync().ConfigureAwait(false);
            waiting.Leave();
        }
    }

    private bool Reached(T? answer, WaitRequest request) => answer is not null && request.Positions.ReachedBy(source.ProgressOf(answer));

    private async Task<(T?, Problem?)> WaitAsync(long hour, WaitRequest request, CancellationTokenSource either)
    {
        // Whether such events were written at all is asked beside the wait, so that it costs a rightful one nothing.
        var check = log.CheckAsync(request.Positions, either.Token);
        while (true)
        {
            var reached = watch.ReachedAsync(request.Positions, hour, either.Token);
            if (!check.IsCompleted) await Task.WhenAny(reached, check).ConfigureAwait(false);
            if (check.IsCompletedSuccessfully && Refusal(await check.ConfigureAwait(false)) is { } refusal)
            {
                await either.CancelAsync().ConfigureAwait(false);
                await Task.WhenAny(reached).ConfigureAwait(false);
                return (null, refusal);
            }
            await reached.ConfigureAwait(false);
            var answer = await source.ReadReachedAsync(hour, request.Positions, either.Token).ConfigureAwait(false);
            if (Reached(answer, request)) return (answer, null);
            await Task.Delay(Pause, clock, either.Token).ConfigureAwait(false);
        }
    }

    private async Task<(T?, Problem?)> GiveUpAsync(long hour, WaitRequest request, CancellationToken cancellation)
    {
        if (await RefusalAsync(request, cancellation).ConfigureAwait(false) is { } refusal) return (null, refusal);
        if (!request.StaleOnTimeout) return (null, PositionProblems.NotReached);
        var answer = await source.ReadAsync(hour, cancellation).ConfigureAwait(false);
        // It may lack the event, so it is marked however fresh it is.
        return (answer is null || Reached(answer, request) ? answer : source.Marked(answer), null);
    }

    /// <summary>A wait may be over before the log has answered whether there is anything to wait for.</summary>
    private async Task<Problem?> RefusalAsync(WaitRequest request, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(CheckLimit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return Refusal(await log.CheckAsync(request.Positions, either.Token).WaitAsync(either.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    private static Problem? Refusal(PositionCheck check) => check switch
    {
        PositionCheck.UnknownPartition => PositionProblems.UnknownPartition,
        PositionCheck.BeyondEnd => PositionProblems.BeyondEnd,
        _ => null,
    };
}
