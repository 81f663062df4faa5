using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage;

/// <summary>Questions about the records of a batch that need its records read.</summary>
internal static class RecordKeys
{
    /// <summary>False when a record has no key, or the records cannot be read. Zstandard cannot be read here and is let through.</summary>
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

    /// <summary>Offset and timestamp of the first record not older than the given time; null when there is none.</summary>
    public static (long Offset, long Timestamp)? FirstAtOrAfter(ReadOnlySpan<byte> batch, long timestamp)
    {
        BatchHeader header = BatchHeader.Read(batch);
        const short appendTimeFlag = 0x08;
        bool appendTime = (header.Attributes & appendTimeFlag) != 0;
        (long, long)? byBatch = header.MaxTimestamp >= timestamp ? (header.BaseOffset, appendTime ? header.MaxTimestamp : header.BaseTimestamp) : null;
        try
        {
            return appendTime || header.IsControl || !Decompression.TryRecords(batch, out byte[]? unpacked)
                ? byBatch
                : FirstRecordAtOrAfter(unpacked ?? batch[RecordBatch.HeaderSize..], header, timestamp);
        }
        catch (Exception e) when (e is MalformedRequestException or InvalidDataException)
        {
            // A client may have sent anything as records: then the batch is all that is known.
            return byBatch;
        }
    }

    private static (long Offset, long Timestamp)? FirstRecordAtOrAfter(ReadOnlySpan<byte> unpacked, in BatchHeader header, long timestamp)
    {
        var records = new RecordReader(unpacked, header.Count);
        while (records.MoveNext())
        {
            long at = header.BaseTimestamp + records.Current.TimestampDelta;
            if (at >= timestamp)
                return (header.BaseOffset + records.Current.OffsetDelta, at);
        }

        return null;
    }
}
