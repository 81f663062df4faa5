using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine;

/// <summary>
/// Takes snapshots of tasks around a commit. The changelog's end is asked for before it: when the commit then succeeds with the
/// partition's offset in it, nobody else can have owned the partition until then, so everything below that end is in our state.
/// </summary>
public sealed partial class Snapshots(IBroker broker, string changelog, TimeProvider clock, ILogger logger)
{
    /// <param name="committing">Tasks of the coming commit.</param>
    /// <param name="all">Every one that changed, not only the first that is due.</param>
    /// <returns>What to hand to <see cref="Take"/> once it is committed.</returns>
    public IReadOnlyList<(PartitionTask Task, long Position)> Prepare(IEnumerable<PartitionTask> committing, bool all)
    {
        var due = committing.Where(task => task.Task.Local is { } local && task.NextOffset != task.SnapshotOffset && (all || local.IsSnapshotDue));
        try
        {
            // One at a commit, so that none of them takes long.
            return [.. due.Take(all ? int.MaxValue : 1).Select(task => (task, broker.QueryEnds(changelog, task.Partition).High))];
        }
        catch (BrokerAwayException)
        {
            return [];
        }
    }

    public void Take(IReadOnlyList<(PartitionTask Task, long Position)> prepared)
    {
        foreach (var (task, position) in prepared)
        {
            var began = clock.GetTimestamp();
            task.Task.Local!.TakeSnapshot(new SnapshotMark(changelog, task.Partition, position, task.LastProgress!));
            task.SnapshotOffset = task.NextOffset;
            var took = clock.GetElapsedTime(began);
            EngineMetrics.SnapshotDuration.Record(took.TotalSeconds);
            Taken(logger, task.Partition, position, took.TotalMilliseconds);
        }
    }

    [LoggerMessage(EventId = 3020, Level = LogLevel.Debug, Message = "Snapshot of partition {Partition} at changelog offset {Position} in {Milliseconds} ms")]
    private static partial void Taken(ILogger logger, int partition, long position, double milliseconds);
}
