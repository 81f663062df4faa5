namespace Tally.LocalBroker.Storage;

/// <summary>Offsets by time.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>The first record with that timestamp or a later one, below the end that the reader may see; null when there is none.</summary>
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
                using var reader = new BatchReader(segment.File, position, size);
                while (reader.TryNext() && reader.Header.BaseOffset < below)
                {
                    if (reader.Header.MaxTimestamp >= timestamp && reader.Header.LastOffset >= from && !reader.Header.IsControl
                        && RecordKeys.FirstAtOrAfter(reader.Batch, timestamp, from) is { } found)
                        return found;
                }
            }
            catch (ObjectDisposedException)
            {
                // Removed meanwhile: what it held is gone.
            }
        }

        return null;
    }
}
