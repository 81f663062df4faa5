using Microsoft.Extensions.Options;

namespace Tally.QueryService.Positions;

/// <summary>How many reads wait for a position, whatever they read.</summary>
public sealed class WaitingReads(IOptions<PositionOptions> options)
{
    private int _waiting;

    /// <summary>Takes a place.</summary>
    /// <returns>False when there is none; otherwise <see cref="Leave"/> must be called once.</returns>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _waiting) <= options.Value.MaxWaiting) return true;
        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _waiting);
}
