using Confluent.Kafka;
using Streamiz.Kafka.Net;
using Streamiz.Kafka.Net.Processors.Internal;
using Streamiz.Kafka.Net.State;

namespace Tally.ProcessorService.Streamiz;

/// <summary>
/// Every task starts with an empty store and has it back from the changelog. Streamiz 1.7.1 goes on with what it finds on disk, also after a kill or an aborted
/// transaction, when that holds changes which were never committed: hashes of such events would pass for seen before.
/// </summary>
public sealed class EmptyAtStart : IOffsetCheckpointManager
{
    /// <summary>Called before the task opens its stores.</summary>
    public void Configure(IStreamConfig config, TaskId taskId)
    {
        var folder = Path.Combine(config.StateDir, config.ApplicationId, taskId.ToString());
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    public IDictionary<TopicPartition, long> Read(TaskId taskId) => new Dictionary<TopicPartition, long>();

    public void Write(TaskId taskId, IDictionary<TopicPartition, long> data)
    {
    }

    public void Destroy(TaskId taskId)
    {
    }
}
