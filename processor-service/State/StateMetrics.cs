using System.Diagnostics.Metrics;
using Tally.ProcessorService.Engine;

namespace Tally.ProcessorService.State;

/// <summary>How large state is.</summary>
public static class StateMetrics
{
    private static readonly Meter Meter = new(EngineMetrics.Name);
    private static StateStore? _store;

    static StateMetrics()
    {
        Meter.CreateObservableGauge("tally.processor.state.memory", () => _store?.Budget.Used ?? 0, "By", "Memory that state takes; State:MemoryBudget bounds it");
        Meter.CreateObservableGauge("tally.processor.state.files", () => _store?.FileBytes ?? 0, "By", "Files of cold state and snapshots");
    }

    /// <summary>Names whom to ask.</summary>
    public static void Observe(StateStore store) => _store = store;
}
