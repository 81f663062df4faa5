namespace Tally.MaterializerService.Sinks;

/// <summary>
/// Remembers from which positions a partition's batches of the last minute were written, one a second, so that they can be applied again.
/// </summary>
public sealed class PartitionTrail(TimeSpan length, TimeProvider clock)
{
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);
    private readonly Queue<(long At, long From)> _steps = new();
    private long _last;

    /// <summary>A batch that began at <paramref name="from"/> was written now.</summary>
    public void Note(long from)
    {
        var now = clock.GetTimestamp();
        if (_steps.Count == 0 || clock.GetElapsedTime(_last, now) >= Step)
        {
            _steps.Enqueue((now, from));
            _last = now;
        }
        // The step before the limit stays: batches written just after it may be younger.
        while (_steps.Count > 1 && clock.GetElapsedTime(_steps.ElementAt(1).At, now) > length) _steps.Dequeue();
    }

    /// <summary>Where to read again so that everything written within the length is applied once more; null when nothing was.</summary>
    public long? Begin => _steps.TryPeek(out var step) ? step.From : null;
}
