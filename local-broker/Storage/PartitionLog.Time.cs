namespace Tally.LocalBroker.Storage;

/// <summary>Offsets by time.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>The first of the records with the largest timestamp; null when there is none. Throws <see cref="IOException"/> where stored data cannot be read.</summary>
    public (long Offset, long Timestamp)? FindLargestTimestamp()
    {
        long from;
        List<(Segment Segment, long MaxTimestamp, int Size)> places;
        lock (_gate)
        {
            from = _start;
            places = [.. _segments.Where(s => s.LastOffset >= from).Select(s => (s, s.MaxTimestamp, s.Size)).OrderByDescending(s => s.MaxTimestamp)];
        }

        (long Offset, long Timestamp)? found = null;
        foreach ((Segment segment, long maxTimestamp, int size) in places)
        {
            // Markers count in a segment's largest timestamp but are no records, so the first segment may not be the last word.
            if (found?.Timestamp >= maxTimestamp)
                break;
            found = LargestIn(segment, size, from, found);
        }

        return found;
    }

    /// <summary>Says that an offset by time could not be found.</summary>
    public void LogTimesUnreadable(IOException e) => _context.LogTimesUnreadable(Topic, Partition, e.Message);

    private (long Offset, long Timestamp)? LargestIn(Segment segment, int size, long from, (long Offset, long Timestamp)? found)
    {
        try
        {
            using var reader = new BatchReader(_context.Disk, segment.File, 0, size);
            while (reader.TryNext())
            {
                BatchHeader header = reader.Header;
                if (!header.IsControl && header.LastOffset >= from && header.MaxTimestamp > (found?.Timestamp ?? -1)
                    && FirstAtOrAfter(segment, reader, header.MaxTimestamp, from) is { } record)
                    found = record;
            }

            ThrowIfDamaged(segment, reader, size);
        }
        catch (ObjectDisposedException)
        {
            // Removed meanwhile: what it held is gone.
        }

        return found;
    }

    /// <summary>
    /// The first record with that timestamp or a later one, below the end that the reader may see; null when there is none. Throws
    /// <see cref="IOException"/> where stored data cannot be read: the place behind it would make a reader leave out what it asked for.
    /// </summary>
    public (long Offset, long Timestamp)? FindByTimestamp(long timestamp, bool committedOnly)
    {
        long from, below;
        List<(Segment Segment, int Position, int Size)> places;
        lock (_gate)
        {
            from = _start;
            below = committedOnly ? LastStable : HighWatermark;
            places = [.. _segments.Where(s => s.MaxTimestamp >= timestamp && s.LastOffset >= from).Select(s => (s, s.Index.PositionForTimestamp(timestamp), s.Size))];
        }

        foreach ((Segment segment, int position, int size) in places)
        {
            try
            {
                using var reader = new BatchReader(_context.Disk, segment.File, position, size);
                while (reader.TryNext())
                {
                    if (reader.Header.BaseOffset >= below)
                        return null;
                    if (reader.Header.MaxTimestamp >= timestamp && reader.Header.LastOffset >= from && !reader.Header.IsControl
                        && FirstAtOrAfter(segment, reader, timestamp, from) is { } found)
                        return found;
                }

                ThrowIfDamaged(segment, reader, size);
            }
            catch (ObjectDisposedException)
            {
                // Removed meanwhile: what it held is gone.
            }
        }

        return null;
    }

    private static (long Offset, long Timestamp)? FirstAtOrAfter(Segment segment, BatchReader reader, long timestamp, long from) =>
        RecordBatch.IsCrcValid(reader.Batch) ? RecordKeys.FirstAtOrAfter(reader.Batch, timestamp, from) : throw Damage(segment, reader);

    private static void ThrowIfDamaged(Segment segment, BatchReader reader, int size)
    {
        if (reader.Position < size)
            throw Damage(segment, reader);
    }

    private static IOException Damage(Segment segment, BatchReader reader) => new($"{segment.Path} is damaged at byte {reader.Position}.");
}
