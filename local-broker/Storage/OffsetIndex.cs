namespace Tally.LocalBroker.Storage;

/// <summary>One stop of the sparse index: a batch's offset and place, and the largest timestamp in the segment before it.</summary>
internal readonly record struct IndexEntry(long Offset, int Position, long MaxTimestampBefore);

/// <summary>
/// Sparse index of one segment, in memory. Timestamps need not rise within a log, so it keeps the running maximum. Not thread-safe by itself.
/// </summary>
internal sealed class OffsetIndex
{
    public const int IntervalBytes = 8 * 1024;
    private readonly List<IndexEntry> _entries = [];
    private int _nextAt;

    public IReadOnlyList<IndexEntry> Entries => _entries;

    /// <summary>The first noted batch at that place or behind it; null when there is none.</summary>
    public IndexEntry? FirstFrom(long position)
    {
        int low = 0, high = _entries.Count;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (_entries[middle].Position >= position)
                high = middle;
            else
                low = middle + 1;
        }

        return low < _entries.Count ? _entries[low] : null;
    }

    public void Note(long offset, int position, long maxTimestampBefore)
    {
        if (position < _nextAt)
            return;
        _entries.Add(new IndexEntry(offset, position, maxTimestampBefore));
        _nextAt = position + IntervalBytes;
    }

    public void Load(IEnumerable<IndexEntry> entries)
    {
        _entries.Clear();
        _entries.AddRange(entries);
        _nextAt = _entries.Count == 0 ? 0 : _entries[^1].Position + IntervalBytes;
    }

    /// <summary>The last noted batch at or before the one that holds the offset.</summary>
    public IndexEntry AtOrBefore(long offset)
    {
        int low = 0, high = _entries.Count - 1, found = 0;
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            if (_entries[middle].Offset <= offset)
            {
                found = middle;
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return _entries[found];
    }

    /// <summary>A place at or before the first batch whose timestamp reaches the given one.</summary>
    public int PositionForTimestamp(long timestamp)
    {
        int position = 0;
        foreach (IndexEntry entry in _entries)
        {
            if (entry.MaxTimestampBefore >= timestamp)
                break;
            position = entry.Position;
        }

        return position;
    }
}
