namespace Tally.ProcessorService.State;

/// <summary>
/// Bytes of memory that the state of all partitions of this process takes and may take. Used on the engine's thread only.
/// </summary>
public sealed class StateBudget(long limit)
{
    /// <summary>For state that is never measured: tests, tools.</summary>
    public static StateBudget Unlimited => new(long.MaxValue);

    public long Limit => limit;

    public long Used { get; private set; }

    public bool IsExceeded => Used > limit;

    /// <summary>A set put its growth off because it would not have fitted: room must be made soon.</summary>
    public bool IsPressed { get; private set; }

    /// <summary>Counts memory in, or out when negative.</summary>
    public void Take(long bytes) => Used += bytes;

    /// <returns>False when another <paramref name="bytes"/> would not fit; from then on the budget is pressed.</returns>
    public bool Fits(long bytes)
    {
        if (Used + bytes <= limit) return true;
        IsPressed = true;
        return false;
    }

    /// <summary>Room was made, or there is none to be made.</summary>
    public void Relieved() => IsPressed = false;
}
