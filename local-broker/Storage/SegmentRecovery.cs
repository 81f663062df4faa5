using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Storage;

/// <summary>Brings a partition's segments back at start: what a checkpoint covers is trusted, the rest is walked batch by batch.</summary>
internal static partial class SegmentRecovery
{
    private const string MissingHint = "Put it back, or start with --repair to go on without it.";
    private const string RepairHint = "Start with --repair to keep what stands before the damage and move the rest aside.";

    /// <summary>Opens the folder's segments, oldest first, and rebuilds the producers; a folder without any yields none.</summary>
    /// <param name="folder">The partition's folder.</param>
    /// <param name="start">First offset kept, null when nobody ever moved it.</param>
    /// <param name="gapless">Whether offsets follow each other without gaps: they do until the first compaction.</param>
    /// <param name="producers">Filled with the producers as they stand at the end.</param>
    /// <param name="uncovered">Filled with the checkpoints that closed segments still lack.</param>
    /// <param name="context">What to do about damage, the clock, the log.</param>
    public static List<Segment> Open(
        string folder, long? start, bool gapless, ProducerTable producers, List<(Segment, WireWriter)> uncovered, StorageContext context)
    {
        ILogger log = context.Log;
        long now = context.Time.GetUtcNow().ToUnixTimeMilliseconds();
        var segments = new List<Segment>();
        try
        {
            List<long> bases = [.. BaseOffsets(folder)];
            for (int i = 0; i < bases.Count; i++)
            {
                // A log that nobody ever shortened begins at 0.
                long expected = i == 0 ? start ?? 0 : segments[^1].LastOffset + 1;
                if (context.Recovery == RecoveryMode.Refuse && bases[i] > Math.Max(expected, start ?? 0) && (gapless || i == 0))
                    throw new DataFolderException($"{folder} lacks the segment with offset {expected}; the next one begins at {bases[i]}. {MissingHint}");
                Segment segment = Segment.Open(folder, bases[i], FileMode.Open);
                segments.Add(segment);
                bool whole = Recover(segment, gapless, producers, i == bases.Count - 1, now, context);
                // A roll whose checkpoint a crash prevented.
                if (i < bases.Count - 1 && segment.CheckpointedSize != segment.Size)
                    uncovered.Add((segment, SegmentCheckpoint.Serialize(segment, producers)));
                if (whole)
                    continue;
                MoveAside(folder, bases.Skip(i + 1), log);
                break;
            }

            return segments;
        }
        catch
        {
            segments.ForEach(s => s.Dispose());
            throw;
        }
    }

    private static IOrderedEnumerable<long> BaseOffsets(string folder) =>
        Directory.EnumerateFiles(folder, "*" + Segment.LogSuffix)
            .Select(f => Segment.TryParseName(f, out long offset) ? offset : throw new DataFolderException($"{f} is not a segment of local-broker."))
            .Order();

    /// <summary>False when the segment was cut although others follow (repair only).</summary>
    private static bool Recover(Segment segment, bool gapless, ProducerTable producers, bool last, long now, StorageContext context)
    {
        (RecoveryMode mode, ILogger log) = (context.Recovery, context.Log);
        long fileSize = RandomAccess.GetLength(segment.File);
        SegmentCheckpoint.TryLoad(segment, fileSize, producers);
        if (segment.Size == fileSize)
            return true;
        using (var reader = new BatchReader(context.Disk, segment.File, segment.Size, fileSize))
        {
            while (reader.TryNext() && Follows(segment, gapless, reader.Header) && RecordBatch.IsCrcValid(reader.Batch))
                Replay(segment, producers, reader, now);
        }

        if (segment.Size == fileSize)
            return true;
        RefuseNewer(segment, fileSize);
        long validBehind = FindValidBatch(segment, fileSize, context);
        bool torn = last && validBehind < 0;
        if (!torn && mode == RecoveryMode.Refuse)
        {
            string behind = validBehind < 0 ? "further segments follow" : $"valid batches follow at {validBehind}";
            throw new DataFolderException($"{segment.Path} is damaged at byte {segment.Size} and {behind}. {RepairHint}");
        }

        if (torn)
            LogTornTail(log, segment.Path, fileSize - segment.Size);
        else
            KeepDamaged(segment, fileSize, log);
        RandomAccess.SetLength(segment.File, segment.Size);
        return last;
    }

    private static bool Follows(Segment segment, bool gapless, in BatchHeader header) =>
        gapless ? header.BaseOffset == segment.LastOffset + 1 : header.BaseOffset > segment.LastOffset;

    // The batches carry Kafka's own version of the format: one that is not known here must not be taken for a torn tail and cut.
    private static void RefuseNewer(Segment segment, long fileSize)
    {
        if (fileSize - segment.Size < RecordBatch.HeaderSize)
            return;
        Span<byte> head = stackalloc byte[RecordBatch.HeaderSize];
        RandomAccess.Read(segment.File, head, segment.Size);
        int size = RecordBatch.TotalSize(head);
        if (BatchHeader.Read(head) is not { Magic: > 2, BaseOffset: var offset } header || offset != segment.LastOffset + 1 || size > fileSize - segment.Size || size < head.Length)
            return;
        throw new DataFolderException(
            $"{segment.Path} was written by a newer local-broker: the batch at byte {segment.Size} has format {header.Magic}, this one knows 2.");
    }

    private static void Replay(Segment segment, ProducerTable producers, BatchReader reader, long now)
    {
        BatchHeader header = reader.Header;
        segment.Appended(header, now);
        if (header.IsControl)
        {
            long first = producers.Ended(header, now);
            if (first >= 0 && !ControlBatch.IsCommit(reader.Batch))
                segment.Aborted.Add(new AbortedRange(header.ProducerId, first, header.BaseOffset));
        }
        else if (header.HasProducer && header.Count > 0)
        {
            producers.Appended(header, now);
        }
    }

    // A valid batch behind an invalid one means that the middle is damaged, not that the last write was cut short.
    private static long FindValidBatch(Segment segment, long fileSize, StorageContext context)
    {
        for (long at = segment.Size; at <= fileSize - RecordBatch.HeaderSize; at++)
        {
            using var reader = new BatchReader(context.Disk, segment.File, at, fileSize);
            long step = reader.NextPlausible(segment.BaseOffset - 1);
            if (step < 0)
                return -1;
            at = step;
            using var candidate = new BatchReader(context.Disk, segment.File, at, fileSize);
            if (candidate.TryNext() && RecordBatch.IsCrcValid(candidate.Batch))
                return at;
        }

        return -1;
    }

    private static void KeepDamaged(Segment segment, long fileSize, ILogger log)
    {
        string aside = $"{segment.Path}.damaged-{segment.Size}";
        var rest = new byte[fileSize - segment.Size];
        int read = RandomAccess.Read(segment.File, rest, segment.Size);
        File.WriteAllBytes(aside, rest.AsSpan(0, read));
        LogRepaired(log, segment.Path, segment.Size, aside);
    }

    private static void MoveAside(string folder, IEnumerable<long> bases, ILogger log)
    {
        foreach (long offset in bases)
        {
            string path = Path.Combine(folder, Segment.FileName(offset));
            File.Move(path, path + ".damaged-0", overwrite: true);
            LogRepaired(log, path, 0, path + ".damaged-0");
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "{Path}: cut {Bytes} bytes of a batch that was not completely written")]
    private static partial void LogTornTail(ILogger log, string path, long bytes);

    [LoggerMessage(2, LogLevel.Error, "{Path}: damaged at byte {Position}; everything from there on was moved to {Aside}")]
    private static partial void LogRepaired(ILogger log, string path, int position, string aside);
}
