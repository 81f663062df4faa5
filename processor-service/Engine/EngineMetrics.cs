using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tally.ProcessorService.Engine;

/// <summary>The service's instruments and its activity source.</summary>
public static class EngineMetrics
{
    public const string Name = "Tally.ProcessorService";

    public static readonly ActivitySource Activities = new(Name);
    private static readonly Meter Meter = new(Name);

    /// <summary>Tags: job, outcome (counted, duplicate, corrected, dead_lettered).</summary>
    public static readonly Counter<long> Events = Meter.CreateCounter<long>("tally.processor.events", "{event}", "Events by what became of them, once committed");

    /// <summary>Tags: outcome (committed, migrated, corrupted, local_state).</summary>
    public static readonly Counter<long> Commits = Meter.CreateCounter<long>("tally.processor.commits", "{commit}", "Transactions by how they ended");

    public static readonly Histogram<double> CommitDuration = Meter.CreateHistogram(
        "tally.processor.commit.duration", "s", "Time from the first record written to the end of the transaction", null, Buckets);

    /// <summary>Tags: job.</summary>
    public static readonly Counter<long> ReadBytes = Meter.CreateCounter<long>("tally.processor.read", "By", "Keys and values of the events read, once committed");

    public static readonly Histogram<long> TransactionRecords = Meter.CreateHistogram(
        "tally.processor.transaction.records", "{record}", "Records of a transaction: outputs, changelog, dead letters and progress", null, Sizes(1));

    public static readonly Histogram<long> TransactionBytes = Meter.CreateHistogram(
        "tally.processor.transaction.size", "By", "Keys and values of a transaction", null, Sizes(100));

    public static readonly Counter<long> RestoredRecords = Meter.CreateCounter<long>(
        "tally.processor.restored.records", "{record}", "Changelog records read to restore state");

    public static readonly Histogram<double> RestoreDuration = Meter.CreateHistogram(
        "tally.processor.restore.duration", "s", "Time from an assignment to its first event", null, Buckets);

    public static readonly Histogram<double> SnapshotDuration = Meter.CreateHistogram(
        "tally.processor.snapshot.duration", "s", "Time to write a snapshot of a partition's state", null, Buckets);

    public static readonly KeyValuePair<string, object?> Counted = new("outcome", "counted");
    public static readonly KeyValuePair<string, object?> Duplicate = new("outcome", "duplicate");
    public static readonly KeyValuePair<string, object?> Corrected = new("outcome", "corrected");
    public static readonly KeyValuePair<string, object?> DeadLettered = new("outcome", "dead_lettered");

    /// <summary>Tags: job, count (such as flows, which are inside arrays).</summary>
    public static readonly Counter<long> JobCounts = Meter.CreateCounter<long>("tally.processor.job.counts", "{count}", "What a job counts beside outcomes, once committed");

    private static readonly ConcurrentDictionary<(string Job, int Partition), long> LagByPartition = [];

    private static readonly ConcurrentBag<EngineStatus> Engines = [];

    static EngineMetrics()
    {
        Meter.CreateObservableGauge("tally.processor.lag", ObserveLag, "{record}", "Offsets between the partition's end and the last commit");
        Meter.CreateObservableGauge("tally.processor.standby.copies", () => Engines.Sum(status => status.Copies), "{partition}", "Partitions of other instances whose state is copied here");
        Meter.CreateObservableGauge("tally.processor.standby.warm", () => Engines.Sum(status => status.WarmCopies), "{partition}", "Those of them whose copy had everything when last looked at");
        Meter.CreateObservableGauge("tally.processor.restore.progress", Restored, "1", "Part of the changelog that is restored; 1 when nothing is being restored");
    }

    private static InstrumentAdvice<double> Buckets => new() { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] };

    private static InstrumentAdvice<long> Sizes(long unit) => new() { HistogramBucketBoundaries = [10 * unit, 100 * unit, 1_000 * unit, 10_000 * unit, 100_000 * unit, 1_000_000 * unit] };

    public static KeyValuePair<string, object?> Job(string name) => new("job", name);

    public static KeyValuePair<string, object?> Count(string name) => new("count", name);

    public static void SetLag(string job, int partition, long lag) => LagByPartition[(job, partition)] = lag;

    public static void ForgetLag(string job, int partition) => LagByPartition.TryRemove((job, partition), out _);

    /// <summary>Names whom to ask how far restoring is.</summary>
    public static void ObserveRestore(EngineStatus status) => Engines.Add(status);

    private static double Restored() => Engines.Select(status => status.RestoredPart).DefaultIfEmpty(1).Min();

    private static IEnumerable<Measurement<long>> ObserveLag() =>
        LagByPartition.Select(pair => new Measurement<long>(pair.Value, Job(pair.Key.Job), new KeyValuePair<string, object?>("partition", pair.Key.Partition)));
}
