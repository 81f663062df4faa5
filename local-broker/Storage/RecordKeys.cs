using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage;

/// <summary>Questions about the records of a batch that need its records read.</summary>
internal static class RecordKeys
{
    /// <summary>False when a record has no key, or the records cannot be read. What cannot be unpacked here (Zstandard without its library) is let through.</summary>
    public static bool AllHaveKeys(ReadOnlySpan<byte> batch)
    {
        BatchHeader header = BatchHeader.Read(batch);
        try
        {
            if (Decompression.TryRecords(batch, out byte[]? unpacked) is false)
                return true;
            var records = new RecordReader(unpacked ?? batch[RecordBatch.HeaderSize..], header.Count);
            while (records.MoveNext())
            {
                if (records.Current.Key is null)
                    return false;
            }

            return true;
        }
        catch (Exception e) when (e is MalformedRequestException or InvalidDataException)
        {
            return false;
        }
    }

    /// <summary>Smallest timestamp of the batch; the one in its head when the records cannot be read.</summary>
    public static long OldestTimestamp(ReadOnlySpan<byte> batch)
    {
        BatchHeader header = BatchHeader.Read(batch);
        long oldest = Math.Min(header.BaseTimestamp, header.MaxTimestamp);
        try
        {
            if (!Decompression.TryRecords(batch, out byte[]? unpacked))
                return oldest;
            var records = new RecordReader(unpacked ?? batch[RecordBatch.HeaderSize..], header.Count);
            while (records.MoveNext())
                oldest = Math.Min(oldest, header.BaseTimestamp + records.Current.TimestampDelta);
        }
        catch (Exception e) when (e is MalformedRequestException or InvalidDataException)
        {
            // Whoever reads it will find out; a timestamp is not the place to say so.
        }

        return oldest;
    }

    /// <summary>Offset and timestamp of the first record from the offset on that is not older than the given time; null when there is none.</summary>
    public static (long Offset, long Timestamp)? FirstAtOrAfter(ReadOnlySpan<byte> batch, long timestamp, long from)
    {
        BatchHeader header = BatchHeader.Read(batch);
        const short appendTimeFlag = 0x08;
        bool appendTime = (header.Attributes & appendTimeFlag) != 0;
        (long, long)? byBatch = header.MaxTimestamp >= timestamp ? (Math.Max(from, header.BaseOffset), appendTime ? header.MaxTimestamp : header.BaseTimestamp) : null;
        try
        {
            return appendTime || header.IsControl || !Decompression.TryRecords(batch, out byte[]? unpacked)
                ? byBatch
                : FirstRecordAtOrAfter(unpacked ?? batch[RecordBatch.HeaderSize..], header, timestamp, from);
        }
        catch (Exception e) when (e is MalformedRequestException or InvalidDataException)
        {
            // A client may have sent anything as records: then the batch is all that is known.
            return byBatch;
        }
    }

    private static (long Offset, long Timestamp)? FirstRecordAtOrAfter(ReadOnlySpan<byte> unpacked, in BatchHeader header, long timestamp, long from)
    {
        var records = new RecordReader(unpacked, header.Count);
        while (records.MoveNext())
        {
            long at = header.BaseTimestamp + records.Current.TimestampDelta;
            if (at >= timestamp && header.BaseOffset + records.Current.OffsetDelta >= from)
                return (header.BaseOffset + records.Current.OffsetDelta, at);
        }

        return null;
    }
}
