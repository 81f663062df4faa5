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
        var sized = new SizedTransaction(Transactions);
        foreach (var task in tasks) task.Write(sized, nowMs, readUpToMs, trace);
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
        EngineMetrics.TransactionRecords.Record(sized.Records);
        EngineMetrics.TransactionBytes.Record(sized.Bytes);
        return took;
    }

    /// <summary>Measures what is written through it.</summary>
    private sealed class SizedTransaction(ITransactionLog inner) : ITransactionLog
    {
        public long Records { get; private set; }
        public long Bytes { get; private set; }

        public void Begin() => inner.Begin();

        public void Write(string topic, int partition, in OutputRecord record)
        {
            Records++;
            Bytes += (record.Key?.Length ?? 0) + (record.Value?.Length ?? 0);
            inner.Write(topic, partition, record);
        }

        public void Commit(IInputLog input, IReadOnlyCollection<PartitionOffset> offsets, TimeSpan limit) => inner.Commit(input, offsets, limit);

        public void Commit(TimeSpan limit) => inner.Commit(limit);

        public void Dispose()
        {
        }
    }
}
