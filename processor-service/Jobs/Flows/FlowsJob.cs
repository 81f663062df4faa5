using Tally.ProcessorService.Engine;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>Bytes sent and received per flow and hour.</summary>
public sealed class FlowsJob(TopicNames topics, FlowsOptions options, int generation, TimeProvider clock) : IJob
{
    public string Name => "flows";

    // A sum is absolute and says all there is to know of a flow: its topic is the changelog as well.
    public JobTopics Topics { get; } = new(topics.Flows, topics.FlowSums, topics.FlowSums, topics.FlowsDeadLetter);

    public int Generation => generation;

    public IJobTask CreateTask(int partition, int partitionCount) => new FlowsTask(generation, options.RememberKeys, clock);
}
