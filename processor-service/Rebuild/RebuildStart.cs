using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Rebuild;

/// <summary>Which job is rebuilt, and into which generation.</summary>
/// <param name="Job">Which.</param>
/// <param name="Generation">The new one.</param>
/// <param name="OfTopicsBefore">The generation after which the topics of the running one are named.</param>
public sealed record RebuildStart(RebuiltJob Job, int Generation, int OfTopicsBefore)
{
    public TopicNames Before(TopicNames topics) => Job.OfGeneration(topics, OfTopicsBefore);

    public TopicNames Now(TopicNames topics) => Job.OfGeneration(topics, Generation);
}
