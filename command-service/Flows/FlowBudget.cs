using Microsoft.Extensions.Options;

namespace Tally.CommandService.Flows;

/// <summary>Bytes of bodies under way, bounded: a burst of large arrays meets a 503 and not the end of memory.</summary>
public sealed class FlowBudget(IOptions<FlowOptions> options)
{
    private long _taken;

    public long Taken => Interlocked.Read(ref _taken);

    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _taken, bytes) <= options.Value.MaxBytesInFlight) return true;
        Return(bytes);
        return false;
    }

    public void Return(long bytes) => Interlocked.Add(ref _taken, -bytes);
}
