using Tally.Shared.Hosting;

namespace Tally.Shared.Kafka;

/// <summary>
/// Tells another process that took over our group.instance.id (KIP-345) from the echo of our own client: one that asks to join, loses the coordinator before the
/// answer and asks again is told of the first request that it was fenced, by itself. The echo happens once and joining anew mends it; another process joins anew
/// as well, and each fences the other until one of the two has had enough. To be used from one thread.
/// </summary>
/// <param name="setting">The key of the name, for the sentence.</param>
/// <param name="instance">The name.</param>
/// <param name="clock">Fencings far apart have nothing to do with each other.</param>
public sealed class InstanceFencing(string setting, string instance, TimeProvider clock)
{
    /// <summary>Within <see cref="Window"/>. The one that was there first is fenced first, and so ends.</summary>
    public const int AtMost = 3;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Queue<long> _fenced = new();

    /// <summary>A consumer was fenced; the caller joins anew with another one.</summary>
    /// <exception cref="ConfigurationException">Too often: another process runs under the same name.</exception>
    public void Add()
    {
        while (_fenced.TryPeek(out var first) && clock.GetElapsedTime(first) > Window) _fenced.Dequeue();
        _fenced.Enqueue(clock.GetTimestamp());
        if (_fenced.Count >= AtMost)
            throw new ConfigurationException($"Another process runs with {setting}={instance} and has taken over: give every running instance a name of its own.");
    }
}
