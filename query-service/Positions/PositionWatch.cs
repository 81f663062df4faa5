using Microsoft.Extensions.Options;
using Tally.QueryService.Reading;

namespace Tally.QueryService.Positions;

/// <summary>
/// Tells reads that wait when a source has come as far as they need. One loop asks for all of them, and only while somebody waits.
/// </summary>
public sealed class PositionWatch(HourSources sources, IOptions<PositionOptions> options, TimeProvider clock)
{
    private const int TurnsAnArchiveRead = 10;

    private readonly Lock _gate = new();
    private readonly HashSet<Waiter> _waiting = [];
    private bool _asking;

    /// <summary>Completes when Redis or the archive is there.</summary>
    /// <param name="positions">What to wait for.</param>
    /// <param name="hour">The hour that is read with it.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task ReachedAsync(PositionSet positions, long hour, CancellationToken cancellation)
    {
        var waiter = new Waiter(positions, hour);
        lock (_gate)
        {
            _waiting.Add(waiter);
            if (!_asking) _ = Task.Run(AskAsync, CancellationToken.None);
            _asking = true;
        }
        try
        {
            await waiter.Reached.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            // Without any left the loop ends.
            lock (_gate) _waiting.Remove(waiter);
        }
    }

    private async Task AskAsync()
    {
        for (var turn = 1; ; turn++)
        {
            Waiter first;
            lock (_gate)
            {
                _asking = _waiting.Count > 0;
                if (!_asking) return;
                first = _waiting.First();
            }
            var redis = await AskAsync(sources.Redis, first.Hour).ConfigureAwait(false);
            if (!redis || turn % TurnsAnArchiveRead == 0) await AskAsync(sources.Archive, first.Hour).ConfigureAwait(false);
            await Task.Delay(options.Value.AskEvery, clock).ConfigureAwait(false);
        }
    }

    private async Task<bool> AskAsync(GuardedSource source, long hour)
    {
        // Each read has its own time limit.
        if (await source.TryReadAsync(hour, CancellationToken.None).ConfigureAwait(false) is not { } reading) return false;
        lock (_gate)
            foreach (var waiter in _waiting)
                if (waiter.Positions.ReachedBy(reading.Progress)) waiter.Reached.TrySetResult();
        return true;
    }

    private sealed class Waiter(PositionSet positions, long hour)
    {
        public PositionSet Positions => positions;

        public long Hour => hour;

        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
