using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tally.MaterializerService.Sinks;

/// <summary>The service's instruments and its activity source.</summary>
public static class SinkMetrics
{
    public const string Name = "Tally.MaterializerService";

    public static readonly ActivitySource Activities = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly ConcurrentDictionary<string, SinkStatus> Sinks = [];

    /// <summary>Tags: sink.</summary>
    public static readonly Counter<long> Records = Meter.CreateCounter<long>("tally.materializer.records", "{record}", "Records written");

    /// <summary>Tags: sink, outcome (written, reread, failed).</summary>
    public static readonly Histogram<double> BatchDuration = Meter.CreateHistogram(
        "tally.materializer.batch.duration", "s", "Time of one write of a batch, retries included", null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] });

    /// <summary>Tags: sink, reason (position, lost, reconnect).</summary>
    public static readonly Counter<long> Rereads = Meter.CreateCounter<long>(
        "tally.materializer.rereads", "{partition}", "Partitions read again from an earlier position");

    static SinkMetrics() => Meter.CreateObservableGauge("tally.materializer.age", ObserveAge, "s", "Age of the oldest event that may not be in the sink yet");

    public static KeyValuePair<string, object?> Sink(string name) => new("sink", name);

    public static KeyValuePair<string, object?> Outcome(string outcome) => new("outcome", outcome);

    public static KeyValuePair<string, object?> Reason(string reason) => new("reason", reason);

    public static void Observe(SinkStatus status) => Sinks[status.Name] = status;

    private static IEnumerable<Measurement<double>> ObserveAge() =>
        from status in Sinks.Values where status.Age is not null select new Measurement<double>(status.Age!.Value.TotalSeconds, Sink(status.Name));
}
