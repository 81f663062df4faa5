using Tally.Shared.ReadModel;

namespace Tally.QueryService.Positions;

/// <summary>
/// Tells reads that wait when a source has come as far as they need. One loop asks for all of them, and only while somebody waits.
/// </summary>
public abstract class ProgressWatch(TimeSpan askEvery, TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly HashSet<Waiter> _waiting = [];
    private bool _asking;

    /// <summary>Completes when a source is there.</summary>
    /// <param name="positions">What to wait for.</param>
    /// <param name="hour">The hour that is read with it.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task ReachedAsync(PositionSet positions, long hour, CancellationToken cancellation)
    {
        var waiter = new Waiter(positions, hour);
        lock (_gate)
        {
            _waiting.Add(waiter);
            if (!_asking) _ = Task.Run(RunAsync, CancellationToken.None);
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

    /// <summary>Asks the sources and passes on what they say to <see cref="Tell"/>; must not throw.</summary>
    /// <param name="turn">Counts from 1 while somebody waits.</param>
    /// <param name="hour">Of one of those who wait.</param>
    protected abstract Task AskAsync(int turn, long hour);

    protected void Tell(SourceProgress progress)
    {
        lock (_gate)
            foreach (var waiter in _waiting)
                if (waiter.Positions.ReachedBy(progress)) waiter.Reached.TrySetResult();
    }

    private async Task RunAsync()
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
            await AskAsync(turn, first.Hour).ConfigureAwait(false);
            await Task.Delay(askEvery, clock).ConfigureAwait(false);
        }
    }

    private sealed class Waiter(PositionSet positions, long hour)
    {
        public PositionSet Positions => positions;

        public long Hour => hour;

        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
