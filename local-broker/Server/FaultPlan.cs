using System.Collections.Concurrent;
using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Server;

/// <summary>Faults that tests have asked for, by request kind, used up in order.</summary>
internal sealed class FaultPlan
{
    private readonly ConcurrentDictionary<ApiKey, ConcurrentQueue<Fault>> _planned = new();

    public void Add(ApiKey key, Fault fault) => _planned.GetOrAdd(key, static _ => new ConcurrentQueue<Fault>()).Enqueue(fault);

    public Fault? Take(ApiKey key) =>
        !_planned.IsEmpty && _planned.TryGetValue(key, out ConcurrentQueue<Fault>? faults) && faults.TryDequeue(out Fault? fault) ? fault : null;
}
