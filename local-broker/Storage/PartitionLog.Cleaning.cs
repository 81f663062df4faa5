using System.Globalization;
using Tally.LocalBroker.Storage.Cleaning;

namespace Tally.LocalBroker.Storage;

/// <summary>
/// Compaction of closed segments. Neighbours that have become small are merged. A replacement is written aside, renamed to .swap, and only then takes the
/// place of what it replaces: a start finishes a .swap and forgets anything less.
/// </summary>
internal sealed partial class PartitionLog
{
    private const string CleanedSuffix = ".cleaned";
    private const string SwapSuffix = ".swap";
    private const string CleanedToFile = "cleaned-to";
    private long _cleanedTo;

    // True until the first compaction: then each batch must begin where the one before it ended, and damage to an offset shows.
    private volatile bool _gapless;

    /// <summary>Compacts if the topic asks for it and enough has been written since the last time; true when it did.</summary>
    public bool Clean()
    {
        LogConfig config = _config;
        if (!config.Compact || SelectCleanable(config) is not { } selected)
            return false;
        if (_gapless)
        {
            StoreOffset(CleanedToFile, FileKind.CleanedTo, _cleanedTo, _context.Flush.FlushesMetadata);
            _gapless = false;
        }

        var cleaner = new LogCleaner(_context.Disk, new AbortedLookup(selected.Aborted), Now, config.DeleteRetentionMs);
        List<Segment> dirty = selected.Segments.FindAll(s => s.BaseOffset >= _cleanedTo);
        int noted = cleaner.NoteKeys(dirty);
        int end = selected.Segments.Count - dirty.Count + noted;
        foreach (List<Segment> group in GroupBySize(selected.Segments.GetRange(0, end), config.SegmentBytes))
            Replace(group, cleaner);
        _cleanedTo = dirty[noted - 1].LastOffset + 1;
        StoreOffset(CleanedToFile, FileKind.CleanedTo, _cleanedTo, flush: false);
        return true;
    }

    private static IEnumerable<List<Segment>> GroupBySize(List<Segment> segments, int bytesMax)
    {
        var group = new List<Segment>();
        long size = 0;
        foreach (Segment segment in segments)
        {
            if (group.Count > 0 && size + segment.Size > bytesMax)
            {
                yield return group;
                group = [];
                size = 0;
            }

            group.Add(segment);
            size += segment.Size;
        }

        if (group.Count > 0)
            yield return group;
    }

    private (List<Segment> Segments, List<AbortedRange> Aborted)? SelectCleanable(LogConfig config)
    {
        lock (_gate)
        {
            if (_closed || _failed)
                return null;
            long stable = LastStable, youngest = Now - config.MinCompactionLagMs;
            // A segment is closed for good once its checkpoint is stored: the producers as they stood at its end must outlive its batches.
            List<Segment> closed = [.. _segments.TakeWhile(s => s != Active && s.LastOffset < stable && s.CheckpointedSize == s.Size
                && (config.MinCompactionLagMs == 0 || s.MaxTimestamp <= youngest))];
            long dirty = closed.Where(s => s.BaseOffset >= _cleanedTo).Sum(s => (long)s.Size);
            long total = closed.Sum(s => (long)s.Size);
            if (dirty == 0 || dirty < total * config.MinCleanableRatio)
                return null;
            return (closed, [.. _segments.SelectMany(s => s.Aborted)]);
        }
    }

    private void Replace(List<Segment> group, LogCleaner cleaner)
    {
        long start = group[0].BaseOffset, last = group[^1].LastOffset;
        string cleaned = Path.Combine(_folder, Segment.FileName(start) + CleanedSuffix);
        var replacement = new SegmentSummary();
        using (var file = new FileStream(cleaned, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
        {
            foreach (Segment segment in group)
            {
                cleaner.Clean(segment, batch =>
                {
                    file.Write(batch);
                    replacement.Headers.Add(BatchHeader.Read(batch));
                });
            }

            file.Flush(_context.Flush.FlushesMetadata);
        }

        // The producers at the end of the group stand in the checkpoint of its last segment.
        var producers = new ProducerTable();
        if (!SegmentCheckpoint.TryLoadProducers(group[^1], producers))
        {
            File.Delete(cleaned);
            return;
        }

        lock (_gate)
        {
            // Retention or the topic's end may have taken a segment meanwhile.
            if (_closed || !group.TrueForAll(_segments.Contains))
            {
                File.Delete(cleaned);
                return;
            }

            try
            {
                Swap(group, cleaned, last, replacement, producers);
            }
            catch (IOException)
            {
                // Half-way between two states of the folder: the next start sorts it out.
                _failed = true;
                throw;
            }
        }
    }

    private void Swap(List<Segment> group, string cleaned, long last, SegmentSummary replacement, ProducerTable producers)
    {
        long start = group[0].BaseOffset;
        string swap = Path.Combine(_folder, SwapName(start, last));
        File.Move(cleaned, swap, overwrite: true);
        if (_context.Flush.FlushesMetadata)
            FolderFlush.Flush(_folder);
        int at = _segments.IndexOf(group[0]);
        foreach (Segment old in group)
        {
            _unflushed.Remove(old);
            old.Delete();
        }

        File.Move(swap, Path.Combine(_folder, Segment.FileName(start)));
        Segment merged = Segment.Open(_folder, start, FileMode.Open);
        var markers = new HashSet<long>();
        foreach (BatchHeader header in replacement.Headers)
        {
            merged.Appended(header, group[0].FirstAppendAt);
            if (header.IsControl)
                markers.Add(header.BaseOffset);
        }

        // An abort marker that stays must find its transaction in the index, or some clients stumble; one that is gone needs no entry.
        merged.Aborted.AddRange(group.SelectMany(s => s.Aborted).Where(a => markers.Contains(a.MarkerOffset)));
        _segments.RemoveRange(at, group.Count);
        _segments.Insert(at, merged);
        using Protocol.WireWriter content = SegmentCheckpoint.Serialize(merged, producers);
        SegmentCheckpoint.Store(merged.CheckpointPath, content, _context.Flush.FlushesMetadata);
        merged.CheckpointedSize = merged.Size;
    }

    private static string SwapName(long start, long last) =>
        start.ToString("D20", CultureInfo.InvariantCulture) + "-" + last.ToString("D20", CultureInfo.InvariantCulture) + SwapSuffix;

    /// <summary>At start: finishes a replacement that was complete, forgets the rest.</summary>
    private static void FinishCleaning(string folder)
    {
        foreach (string leftover in Directory.EnumerateFiles(folder).Where(f => f.EndsWith(".tmp", StringComparison.Ordinal) || f.EndsWith(CleanedSuffix, StringComparison.Ordinal)).ToList())
            File.Delete(leftover);
        foreach (string swap in Directory.EnumerateFiles(folder, "*" + SwapSuffix).ToList())
        {
            string[] range = Path.GetFileNameWithoutExtension(swap).Split('-');
            long start = long.Parse(range[0], CultureInfo.InvariantCulture), last = long.Parse(range[1], CultureInfo.InvariantCulture);
            foreach (string old in Directory.EnumerateFiles(folder).Where(f => Path.GetExtension(f) is Segment.LogSuffix or Segment.CheckpointSuffix).ToList())
            {
                if (Segment.TryParseName(old, out long offset) && offset >= start && offset <= last)
                    File.Delete(old);
            }

            File.Move(swap, Path.Combine(folder, Segment.FileName(start)));
        }
    }

    /// <summary>What the batches of a replacement look like, for its index.</summary>
    private sealed class SegmentSummary
    {
        public List<BatchHeader> Headers { get; } = [];
    }
}
