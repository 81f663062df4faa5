using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Engine;

/// <summary>What a snapshot belongs to.</summary>
/// <param name="Changelog">Topic.</param>
/// <param name="Partition">Its partition.</param>
/// <param name="Position">Every committed record below this offset is in the snapshot; those from here on may be.</param>
/// <param name="Progress">The last progress record that is in it; no later one is.</param>
public sealed record SnapshotMark(string Changelog, int Partition, long Position, Progress Progress);

/// <summary>A task's state on local disk: a shortcut, never the truth. What is wrong with it costs a restore from the changelog.</summary>
public interface ILocalState
{
    /// <summary>Puts the newest snapshot into the task, which must be empty.</summary>
    /// <returns>Null where there is none that can be used; the task is empty then.</returns>
    SnapshotMark? Load();

    /// <summary>Empties the task again: the snapshot does not belong to this changelog.</summary>
    void Discard(string why);

    /// <summary>Enough has changed since the last snapshot.</summary>
    bool IsSnapshotDue { get; }

    /// <summary>Keeps the state as it is. To be called right after a commit, when nothing in it is uncommitted.</summary>
    void TakeSnapshot(SnapshotMark mark);
}
