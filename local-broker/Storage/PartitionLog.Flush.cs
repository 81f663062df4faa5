namespace Tally.LocalBroker.Storage;

/// <summary>What has been written reaches the disk, or the log is closed.</summary>
internal sealed partial class PartitionLog
{
    public void FlushToDisk()
    {
        List<Segment> segments;
        long end;
        lock (_gate)
        {
            if (_closed)
                return;
            (segments, end) = ([.. _unflushed], _end);
            _unflushed.Clear();
        }

        FlushOrFail(segments);
        List<FetchWaiter>? woken;
        lock (_gate)
        {
            _flushedEnd = Math.Max(_flushedEnd, end);
            woken = TakeReadyWaiters(EverythingReleased);
        }

        Wake(woken);
    }

    // What no checkpoint covers may never have been flushed: its writer was killed before, and nobody else would.
    private void FlushWhatAKillLeft()
    {
        _unflushed.UnionWith(_segments.Where(s => s.Size > s.CheckpointedSize));
        if (_unflushed.Count == 0)
            return;
        if (_context.Flush.IsGroup)
            FlushToDisk();
        else
            _context.Flush.MarkDirty(this);
    }

    private void FlushOrFail(List<Segment> segments)
    {
        try
        {
            segments.ForEach(FlushSegment);
        }
        catch
        {
            // Nobody knows what the disk holds now, and a later flush would succeed all the same.
            lock (_gate)
                _failed = true;
            throw;
        }
    }

    private void FlushSegment(Segment segment)
    {
        try
        {
            _context.Disk.Flush(segment.File);
        }
        catch (ObjectDisposedException)
        {
            // Retention or compaction has removed it: nothing of it is left to keep.
        }
    }
}
