using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage;

/// <summary>
/// What can be rebuilt by reading a segment, saved so that a start need not: index, aborted transactions, and the producers as they stood at the end
/// of what it covers. It covers the first <c>Size</c> bytes; the rest of the file is walked. A checkpoint beyond the end of its log is thrown away.
/// </summary>
internal static class SegmentCheckpoint
{
    private const byte Version = 1;
    private const int IndexEntryBytes = sizeof(long) + sizeof(int) + sizeof(long);
    private const int AbortedBytes = 3 * sizeof(long);

    /// <summary>To be called under the partition's lock; the caller stores the bytes outside of it.</summary>
    public static WireWriter Serialize(Segment segment, ProducerTable producers)
    {
        var writer = new WireWriter(4096);
        writer.WriteInt64(segment.BaseOffset);
        writer.WriteInt32(segment.Size);
        writer.WriteInt64(segment.LastOffset);
        writer.WriteInt64(segment.MaxTimestamp);
        writer.WriteInt64(segment.FirstAppendAt);
        writer.WriteInt32(segment.Index.Entries.Count);
        foreach (IndexEntry entry in segment.Index.Entries)
        {
            writer.WriteInt64(entry.Offset);
            writer.WriteInt32(entry.Position);
            writer.WriteInt64(entry.MaxTimestampBefore);
        }

        writer.WriteInt32(segment.Aborted.Count);
        foreach (AbortedRange aborted in segment.Aborted)
        {
            writer.WriteInt64(aborted.ProducerId);
            writer.WriteInt64(aborted.FirstOffset);
            writer.WriteInt64(aborted.MarkerOffset);
        }

        WriteProducers(writer, producers);
        return writer;
    }

    public static void Store(string path, WireWriter content, bool flush) =>
        FramedFile.Replace(path, FileKind.SegmentCheckpoint, Version, content.Written.Span, flush);

    /// <summary>Fills the segment and the producers from the checkpoint; false when there is none that fits the log.</summary>
    public static bool TryLoad(Segment segment, long fileSize, ProducerTable producers)
    {
        byte[]? content;
        try
        {
            content = FramedFile.TryLoad(segment.CheckpointPath, FileKind.SegmentCheckpoint, Version);
        }
        catch (DataFolderException)
        {
            // Only a helper: everything in it is in the log too.
            return false;
        }

        if (content is null)
            return false;
        var reader = new WireReader(content);
        if (reader.ReadInt64() != segment.BaseOffset)
            return false;
        int size = reader.ReadInt32();
        if (size > fileSize)
            return false;
        segment.Size = segment.CheckpointedSize = size;
        segment.LastOffset = reader.ReadInt64();
        segment.MaxTimestamp = reader.ReadInt64();
        segment.FirstAppendAt = reader.ReadInt64();
        var entries = new IndexEntry[reader.ReadInt32()];
        for (int i = 0; i < entries.Length; i++)
            entries[i] = new IndexEntry(reader.ReadInt64(), reader.ReadInt32(), reader.ReadInt64());
        segment.Index.Load(entries);
        segment.Aborted.Clear();
        for (int left = reader.ReadInt32(); left > 0; left--)
            segment.Aborted.Add(new AbortedRange(reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64()));
        ReadProducers(ref reader, producers);
        return true;
    }

    /// <summary>Only the producers at the end of a closed segment; false when no checkpoint covers the whole of it.</summary>
    public static bool TryLoadProducers(Segment segment, ProducerTable producers)
    {
        if (FramedFile.TryLoad(segment.CheckpointPath, FileKind.SegmentCheckpoint, Version) is not { } content)
            return false;
        var reader = new WireReader(content);
        if (reader.ReadInt64() != segment.BaseOffset || reader.ReadInt32() != segment.Size)
            return false;
        reader.Take(3 * sizeof(long));
        reader.Take(reader.ReadInt32() * IndexEntryBytes);
        reader.Take(reader.ReadInt32() * AbortedBytes);
        ReadProducers(ref reader, producers);
        return true;
    }

    private static void WriteProducers(WireWriter writer, ProducerTable producers)
    {
        writer.WriteInt32(producers.All.Count);
        foreach (ProducerState producer in producers.All)
        {
            writer.WriteInt64(producer.ProducerId);
            writer.WriteInt16(producer.Epoch);
            writer.WriteInt64(producer.TransactionFirstOffset);
            writer.WriteInt64(producer.LastSeen);
            writer.WriteInt32(producer.Batches.Count);
            foreach (ProducedBatch batch in producer.Batches)
            {
                writer.WriteInt32(batch.FirstSequence);
                writer.WriteInt32(batch.LastSequence);
                writer.WriteInt64(batch.BaseOffset);
                writer.WriteInt64(batch.Timestamp);
            }
        }
    }

    private static void ReadProducers(ref WireReader reader, ProducerTable producers)
    {
        producers.Clear();
        for (int left = reader.ReadInt32(); left > 0; left--)
        {
            var state = new ProducerState(reader.ReadInt64())
            {
                Epoch = reader.ReadInt16(),
                TransactionFirstOffset = reader.ReadInt64(),
                LastSeen = reader.ReadInt64(),
            };
            for (int batches = reader.ReadInt32(); batches > 0; batches--)
                state.Remember(new ProducedBatch(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt64(), reader.ReadInt64()));
            producers.Add(state);
        }
    }
}
