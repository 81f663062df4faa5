using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine;

/// <summary>
/// One transaction for all partitions that changed: their outputs, changelog, dead letters, progress and input offsets. What is written is
/// settled when it begins; what is counted while it is under way belongs to the next one.
/// </summary>
public sealed class Commit(string job, TimeProvider clock)
{
    private static readonly KeyValuePair<string, object?> Committed = new("outcome", "committed");

    private ICommitUnderWay? _underWay;
    private IReadOnlyCollection<PartitionTask> _tasks = [];
    private long _began;

    public ITransactionLog Transactions { get; set; } = null!;

    public long Count { get; private set; }

    /// <summary>It was begun, and its outcome is there.</summary>
    public bool IsOver => _underWay is { IsOver: true };

    /// <summary>The one before must have ended.</summary>
    public void Begin(IInputLog input, IReadOnlyCollection<PartitionTask> tasks, long readUpToMs, IReadOnlyList<IHeader> trace, TimeSpan limit)
    {
        _began = clock.GetTimestamp();
        _tasks = tasks;
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        Transactions.Begin();
        var sized = new SizedTransaction(Transactions);
        foreach (var task in tasks)
        {
            task.Write(sized, nowMs, readUpToMs, trace);
            task.WrittenAt = _began;
        }
        EngineMetrics.TransactionRecords.Record(sized.Records);
        EngineMetrics.TransactionBytes.Record(sized.Bytes);
        _underWay = Transactions.BeginCommit(input, [.. tasks.Select(task => new PartitionOffset(task.Partition, task.NextOffset))], limit);
    }

    /// <summary>Waits for the outcome.</summary>
    /// <returns>How long it took; null when none was begun.</returns>
    /// <exception cref="SessionEndException">What was written may be committed or not, and what was counted since is void.</exception>
    public TimeSpan? End(IInputLog input)
    {
        if (_underWay is not { } underWay) return null;
        _underWay = null;
        var took = clock.GetElapsedTime(_began, underWay.End());
        foreach (var task in _tasks)
        {
            task.Committed();
            if (input.LastKnownEnd(task.Partition) is { } end) EngineMetrics.SetLag(job, task.Partition, Math.Max(0, end - task.LastProgress!.NextOffset));
        }
        Count++;
        EngineMetrics.Commits.Add(1, Committed);
        EngineMetrics.CommitDuration.Record(took.TotalSeconds);
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

        public ICommitUnderWay BeginCommit(IInputLog input, IReadOnlyCollection<PartitionOffset> offsets, TimeSpan limit) => inner.BeginCommit(input, offsets, limit);

        public void Commit(TimeSpan limit) => inner.Commit(limit);

        public void Dispose()
        {
        }
    }
}
