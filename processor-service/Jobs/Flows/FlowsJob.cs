using Tally.ProcessorService.Engine;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.Flows;

/// <summary>Bytes sent and received per flow and hour.</summary>
/// <param name="topics">Their names in the generation.</param>
/// <param name="options">Section Flows.</param>
/// <param name="folder">Where hours rest that memory has no room for; emptied with the first task. Null keeps all in memory.</param>
/// <param name="clock">Bounds the times of records.</param>
public sealed class FlowsJob(TopicNames topics, FlowsOptions options, string? folder, TimeProvider clock) : IJob
{
    private FlowMemory? _memory;

    public string Name => "flows";

    // A sum is absolute and says all there is to know of a flow: its topic is the changelog as well.
    public JobTopics Topics { get; } = new(topics.Flows, topics.FlowSums, topics.FlowSums, topics.FlowsDeadLetter);

    public int Generation => options.Generation;

    public string GenerationSetting => $"{FlowsOptions.Section}:{nameof(FlowsOptions.Generation)}";

    public IJobTask CreateTask(int partition, int partitionCount)
    {
        _memory ??= new FlowMemory(options.SumBytes, folder is null ? null : new FlowFiles(folder));
        return new FlowsTask(Generation, options.RememberKeys, _memory, clock);
    }
}
