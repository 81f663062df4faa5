using Tally.ProcessorService.Engine;
using Tally.ProcessorService.State;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.HourlyAnalytics;

/// <summary>Clicks, impressions and exact unique users per GMT hour.</summary>
public sealed class HourlyAnalyticsJob(
    TopicNames topics, UserHasher hasher, int generation, int chunkHashes, StateStore? store = null, TimeSpan? retention = null,
    TimeProvider? clock = null, TimeSpan? sketchInterval = null) : IJob
{
    public string Name => "hourly-analytics";

    public JobTopics Topics { get; } = new(topics.Events, topics.Hours, topics.Changelog, topics.DeadLetter, topics.Sketches);

    public int Generation => generation;

    public IJobTask CreateTask(int partition, int partitionCount) =>
        new HourlyAnalyticsTask(partition, partitionCount, generation, chunkHashes, hasher, store, retention, clock,
            new SketchSender(partition, generation, sketchInterval ?? SketchSender.DefaultInterval, clock ?? TimeProvider.System));
}
