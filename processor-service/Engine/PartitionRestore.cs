using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Engine;

/// <summary>
/// One partition on its way through its changelog, from the position of its snapshot where there is one that fits, else from the
/// beginning.
/// </summary>
public sealed class PartitionRestore(PartitionTask task, IJob job, int partitionCount, LogEnds ends)
{
    private SnapshotMark? _mark;
    private long _lowest = ends.Low;
    private long _progressAt = -1;

    public PartitionTask Task => task;

    /// <summary>To be restored up to here.</summary>
    public LogEnds Ends { get; private set; } = ends;

    /// <summary>First offset to read.</summary>
    public long From { get; private set; } = ends.Low;

    /// <summary>Next offset to be read.</summary>
    public long Position { get; private set; }

    public Progress? Progress { get; private set; }
    public long Records { get; private set; }
    public bool Done { get; private set; }
    public bool FromSnapshot => _mark is not null;

    /// <summary>State written below this offset is missing, since records of the changelog were removed that no snapshot makes up for.</summary>
    public long MissingBelow => FromSnapshot ? 0 : _lowest;

    /// <summary>Finds out where to begin.</summary>
    public void Begin()
    {
        _mark = task.Task.Local?.Load();
        if (_mark is not null && WhyNot(_mark) is { } why) Refuse(why);
        Position = From = _mark?.Position ?? Ends.Low;
        Done = Ends.High <= From;
    }

    /// <summary>A copy that followed the changelog so far is restored up to where that ends now.</summary>
    /// <returns>False where it does not go on with this changelog: records between were removed, or the topic was made anew.</returns>
    public bool TryGoOnTo(LogEnds now)
    {
        if (now.Low > Position || now.High < Position) return false;
        Ends = now;
        From = Position;
        Done = now.High <= Position;
        return true;
    }

    /// <summary>To be asked when all was read.</summary>
    /// <returns>True where what came does not continue the snapshot: the task is empty again and to be restored from the beginning.</returns>
    public bool BeginsAnew()
    {
        if (_mark is null || WhyNot(_mark.Progress) is not { } why) return false;
        Refuse(why);
        Position = From = _lowest = Ends.Low;
        (Progress, Records) = (null, 0);
        Done = Ends.High <= From;
        return !Done;
    }

    public void Take(in LogRecord record)
    {
        Position = record.IsEnd ? record.Offset : record.Offset + 1;
        // Below the mark the end is that of the stable part: an open transaction of a former owner is waited for.
        Done = Position >= Ends.High;
        if (record.IsEnd) return;
        Records++;
        if (!RecordKeys.IsProgress(record.Key)) task.Task.Restore(record.Key, record.Value, record.Headers);
        else if (RecordTypes.Is(record.Headers, RecordTypes.Progress, out var found)) (Progress, _progressAt) = (Progress.Parser.ParseFrom(record.Value), record.Offset);
        else throw new InvalidDataException($"The changelog holds progress of type {found}, which this version does not know.");
    }

    /// <summary>
    /// Keeps a copy as it is, if that is due: only right behind a progress record, where a commit is in it as a whole. That record is read
    /// again by whoever goes on from there, so that the snapshot shows to be of this changelog.
    /// </summary>
    public void TakeSnapshotIfDue()
    {
        if (Progress is not { } progress || _progressAt != Position - 1 || Task.Task.Local is not { IsSnapshotDue: true } local) return;
        if ((_mark is not null && WhyNot(_mark.Progress) is not null) || Task.Resume(progress) is not null) return;
        local.TakeSnapshot(new SnapshotMark(job.Topics.Changelog, task.Partition, _progressAt, progress));
    }

    private string? WhyNot(SnapshotMark mark)
    {
        if (mark.Changelog != job.Topics.Changelog || mark.Partition != task.Partition) return $"It belongs to {mark.Changelog} partition {mark.Partition}.";
        if (mark.Progress.Generation != job.Generation) return $"It belongs to generation {mark.Progress.Generation}.";
        if (mark.Progress.PartitionCount != partitionCount) return $"It was counted with {mark.Progress.PartitionCount} partitions.";
        if (mark.Position > Ends.High) return $"It was taken at offset {mark.Position}, and the changelog ends at {Ends.High}: that was recreated.";
        if (mark.Position < Ends.Low) return $"It was taken at offset {mark.Position}, and the changelog begins at {Ends.Low}.";
        return null;
    }

    /// <summary>The commit by which it was taken comes after its position, and progress only ever moves on.</summary>
    private string? WhyNot(Progress known)
    {
        if (Progress is not { } now) return "The changelog does not go on where it was taken.";
        if (now.SinceMs != known.SinceMs || now.InputTopic != known.InputTopic) return "The changelog was begun anew since.";
        if (now.KeyFingerprint != known.KeyFingerprint) return "The changelog belongs to another hash key.";
        if (now.Generation != known.Generation || now.NextOffset < known.NextOffset || now.CommittedAtMs < known.CommittedAtMs)
            return "The changelog is behind it.";
        return null;
    }

    private void Refuse(string why)
    {
        task.Task.Local!.Discard(why);
        _mark = null;
    }
}
