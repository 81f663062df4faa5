using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage;

/// <summary>
/// What a batch must be before it is appended, as far as it can be told without the partition's state. Records are looked at only where a compacted
/// topic must refuse those without a key.
/// </summary>
internal static class BatchValidation
{
    private const short ZstdFromProduceVersion = 7;

    /// <param name="header">Set as soon as the bytes have the form of one batch.</param>
    public static (ErrorCode Error, string? Message) Check(ReadOnlySpan<byte> records, short version, LogConfig config, long now, out BatchHeader header)
    {
        header = default;
        if (records.Length < RecordBatch.HeaderSize)
            return (ErrorCode.InvalidRecord, "A produce request carries exactly one record batch for each partition.");
        BatchHeader read = BatchHeader.Read(records);
        if (read.Magic is < 0 or > 2)
            return (ErrorCode.CorruptMessage, $"There is no record batch of format {read.Magic}.");
        if (read.Magic != 2)
            return (ErrorCode.InvalidRecord, "Only record batches of format 2 are accepted.");
        if (read.Size < RecordBatch.HeaderSize)
            return (ErrorCode.CorruptMessage, "The record batch is shorter than its head.");
        if (read.Size != records.Length)
            return (ErrorCode.InvalidRecord, "A produce request carries exactly one whole record batch for each partition.");
        header = read;
        if (header.Size > config.MessageBytesMax)
            return (ErrorCode.MessageTooLarge, $"The record batch of {header.Size} bytes exceeds the maximum of {config.MessageBytesMax}.");
        if (!RecordBatch.IsCrcValid(records))
            return (ErrorCode.CorruptMessage, "The checksum of the record batch does not match.");
        if (header.Codec > Codec.Zstd || (header.Codec == Codec.Zstd && version < ZstdFromProduceVersion))
            return (ErrorCode.UnsupportedCompressionType, "The compression is not supported by this version of the request.");
        return CheckContent(records, config, now, header);
    }

    private static (ErrorCode Error, string? Message) CheckContent(ReadOnlySpan<byte> records, LogConfig config, long now, in BatchHeader header)
    {
        if (header.BaseOffset != 0)
            return (ErrorCode.InvalidRecord, "Offsets are the broker's to give: the base offset of a new batch must be 0.");
        if (header.IsControl)
            return (ErrorCode.InvalidRecord, "Clients cannot write control records.");
        if (header.Count <= 0 || header.Count != header.LastOffsetDelta + 1)
            return (ErrorCode.InvalidRecord, "The record count does not match the offsets of the batch.");
        if (header.HasProducer && (header.BaseSequence < 0 || header.ProducerEpoch < 0))
            return (ErrorCode.InvalidRecord, "A batch with a producer id needs an epoch and a sequence.");
        if (!config.AppendTime && !AreTimestampsInRange(records, config, now, header))
            return (ErrorCode.InvalidTimestamp, "A timestamp is outside the range that the topic allows.");
        if (config.Compact && !RecordKeys.AllHaveKeys(records))
            return (ErrorCode.InvalidRecord, "A compacted topic takes no record without a key.");
        return (ErrorCode.None, null);
    }

    // The head tells the newest timestamp; for the oldest the records are read, and only where a topic limits the past.
    private static bool AreTimestampsInRange(ReadOnlySpan<byte> records, LogConfig config, long now, in BatchHeader header) =>
        header.MaxTimestamp < 0
        || (header.MaxTimestamp - now <= config.TimestampAfterMaxMs
            && (config.TimestampBeforeMaxMs == long.MaxValue || now - RecordKeys.OldestTimestamp(records) <= config.TimestampBeforeMaxMs));
}
