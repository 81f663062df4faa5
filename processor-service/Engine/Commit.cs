using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine;

/// <summary>One transaction for all partitions that changed: their outputs, changelog, dead letters, progress and input offsets.</summary>
public sealed class Commit(string job, TimeProvider clock)
{
    private static readonly KeyValuePair<string, object?> Committed = new("outcome", "committed");

    public ITransactionLog Transactions { get; set; } = null!;

    public long Count { get; private set; }

    /// <returns>How long it took.</returns>
    public TimeSpan Run(IInputLog input, IReadOnlyCollection<PartitionTask> tasks, long readUpToMs, IReadOnlyList<IHeader> trace, TimeSpan limit)
    {
        var began = clock.GetTimestamp();
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        Transactions.Begin();
        foreach (var task in tasks) task.Write(Transactions, nowMs, readUpToMs, trace);
        Transactions.Commit(input, [.. tasks.Select(task => new PartitionOffset(task.Partition, task.NextOffset))], limit);

        var ended = clock.GetTimestamp();
        foreach (var task in tasks)
        {
            task.Committed(ended);
            if (input.LastKnownEnd(task.Partition) is { } end) EngineMetrics.SetLag(job, task.Partition, Math.Max(0, end - task.NextOffset));
        }
        Count++;
        EngineMetrics.Commits.Add(1, Committed);
        var took = clock.GetElapsedTime(began, ended);
        EngineMetrics.CommitDuration.Record(took.TotalSeconds);
        return took;
    }
}
