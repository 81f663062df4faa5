using System.Diagnostics.CodeAnalysis;
using Tally.ProcessorService.Engine;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>
/// Unique users of frames per minute, day, week, month and year. The same uid may be in every partition, so the tasks of all partitions
/// share one union, and one instance has them all.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The union ends with the last of the tasks that share it.")]
public sealed class FramesJob(
    TopicNames topics, UserHasher hasher, FramesOptions options, ProcessorOptions processor, string stateDirectory, TimeProvider clock) : IJob
{
    public const string JobName = "frames";

    private FrameUnion? _union;

    public string Name => JobName;

    public JobTopics Topics { get; } = new(topics.Frames, topics.FramesProgress, topics.FramesChangelog, topics.FramesDeadLetter);

    public int Generation => options.Generation;

    public string GenerationSetting => $"{FramesOptions.Section}:{nameof(FramesOptions.Generation)}";

    public bool IsMerging => true;

    public IJobTask CreateTask(int partition, int partitionCount)
    {
        // A partition that comes again begins a new life of the whole job.
        if (_union is null || !_union.Join(partition))
        {
            _union = new FrameUnion(options.ToRules(), partitionCount, NewFiles(), topics.UniqueUsers, clock);
            _union.Join(partition);
        }
        return new FramesTask(partition, partitionCount, Generation, processor.ChunkHashes, _union, new FrameScanner(options.ValidateTail), hasher);
    }

    private WindowFiles NewFiles() => new(
        stateDirectory.Length == 0
            ? Directory.CreateTempSubdirectory("tally-frames-").FullName
            : Path.Combine(stateDirectory, $"frames-{processor.Instance}{GenerationEnding.Of(options.TopicGeneration)}"));
}
