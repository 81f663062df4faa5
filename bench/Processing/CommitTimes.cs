using System.Diagnostics.Metrics;

namespace Tally.Bench.Processing;

/// <summary>Commits of the engine in this process, as its metrics tell them.</summary>
public sealed class CommitTimes : IDisposable
{
    private readonly MeterListener _meter = new();

    public CommitTimes()
    {
        _meter.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "tally.processor.commit.duration") listener.EnableMeasurementEvents(instrument);
        };
        _meter.SetMeasurementEventCallback<double>((_, took, _, _) => (Count, Seconds) = (Count + 1, Seconds + took));
        _meter.Start();
    }

    public int Count { get; private set; }

    public double Seconds { get; private set; }

    public void Dispose() => _meter.Dispose();
}
