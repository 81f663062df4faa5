namespace Tally.LocalBroker.Storage.Cleaning;

/// <summary>
/// One cleaning pass over the closed segments of a compacted partition: the newest record of each key stays, by offset; records of aborted transactions go;
/// a tombstone stays for delete.retention.ms after it was first cleaned; a marker stays as long as data of its transaction does, and then as long again.
/// Batches in a codec that cannot be read here stay as they are, and then every tombstone stays too.
/// </summary>
internal sealed class LogCleaner(Disk disk, AbortedLookup aborted, long now, long deleteRetentionMs)
{
    private readonly KeyOffsets _keys = new();
    private readonly HashSet<long> _producersWithData = [];
    private bool _opaque;

    /// <summary>Takes note of the keys in dirty segments, oldest first; returns how many segments fitted.</summary>
    public int NoteKeys(IReadOnlyList<Segment> dirty)
    {
        for (int i = 0; i < dirty.Count; i++)
        {
            if (_keys.IsFull)
                return i;
            using var reader = new BatchReader(disk, dirty[i].File, 0, dirty[i].Size);
            while (reader.TryNext())
                NoteKeys(reader);
        }

        return dirty.Count;
    }

    /// <summary>Hands what stays of a segment to <paramref name="keep"/>, batch by batch.</summary>
    public void Clean(Segment segment, Action<byte[]> keep)
    {
        using var reader = new BatchReader(disk, segment.File, 0, segment.Size);
        // Never rewrite what is damaged: the new checksum would hide it.
        while (reader.TryNext() && RecordBatch.IsCrcValid(reader.Batch))
        {
            byte[]? cleaned = reader.Header.IsControl ? CleanMarker(reader) : CleanData(reader);
            if (cleaned is not null)
                keep(cleaned);
        }

        if (reader.Position != segment.Size)
            throw new DataFolderException($"{segment.Path} is damaged at byte {reader.Position} and cannot be compacted.");
    }

    private void NoteKeys(BatchReader reader)
    {
        BatchHeader header = reader.Header;
        if (header.IsControl || aborted.IsAborted(header))
            return;
        if (!Decompression.TryRecords(reader.Batch, out byte[]? unpacked))
        {
            _opaque = true;
            return;
        }

        ReadOnlySpan<byte> bytes = unpacked ?? reader.Batch[RecordBatch.HeaderSize..];
        var records = new RecordReader(bytes, header.Count);
        while (records.MoveNext())
        {
            if (records.Current.Key is { } key)
                _keys.Note(bytes[key], header.BaseOffset + records.Current.OffsetDelta);
        }
    }

    private byte[]? CleanData(BatchReader reader)
    {
        BatchHeader header = reader.Header;
        if (aborted.IsAborted(header))
            return null;
        if (!Decompression.TryRecords(reader.Batch, out byte[]? unpacked))
        {
            _opaque = true;
            _producersWithData.Add(header.ProducerId);
            return reader.Batch.ToArray();
        }

        ReadOnlySpan<byte> bytes = unpacked ?? reader.Batch[RecordBatch.HeaderSize..];
        bool tombstonesGo = header.HasDeleteHorizon && header.BaseTimestamp <= now && !_opaque;
        bool tombstones = false;
        var kept = new List<RecordPart>(header.Count);
        var records = new RecordReader(bytes, header.Count);
        while (records.MoveNext())
        {
            RecordPart record = records.Current;
            // A record without a key can only be from before the topic was compacted; there is nothing to keep it by.
            if (record.Key is not { } key || _keys.IsSuperseded(bytes[key], header.BaseOffset + record.OffsetDelta))
                continue;
            if (record.Value is null && tombstonesGo)
                continue;
            tombstones |= record.Value is null;
            kept.Add(record);
        }

        if (kept.Count == 0)
            return null;
        if (header.IsTransactional)
            _producersWithData.Add(header.ProducerId);
        bool needsHorizon = tombstones && !header.HasDeleteHorizon;
        return kept.Count == header.Count && !needsHorizon
            ? reader.Batch.ToArray()
            : BatchRewriter.Rewrite(reader.Batch, bytes, kept, needsHorizon ? now + deleteRetentionMs : null);
    }

    private byte[]? CleanMarker(BatchReader reader)
    {
        BatchHeader header = reader.Header;
        // Without its marker the data of a transaction would look undecided after a restart.
        if (_producersWithData.Remove(header.ProducerId))
            return reader.Batch.ToArray();
        if (header.HasDeleteHorizon)
            return header.BaseTimestamp <= now ? null : reader.Batch.ToArray();
        ReadOnlySpan<byte> bytes = reader.Batch[RecordBatch.HeaderSize..];
        var records = new RecordReader(bytes, header.Count);
        return records.MoveNext() ? BatchRewriter.Rewrite(reader.Batch, bytes, [records.Current], now + deleteRetentionMs) : null;
    }
}
