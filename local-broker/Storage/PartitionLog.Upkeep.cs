using System.Buffers.Binary;
using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage;

/// <summary>What goes on behind the clients' backs: checkpoints, retention, the start of the log.</summary>
internal sealed partial class PartitionLog
{
    private const string StartFile = "log-start";
    private const byte OffsetFileVersion = 1;

    // Walking this much at start costs a few milliseconds.
    private const int CheckpointEveryBytes = 16 * 1024 * 1024;
    private readonly List<(Segment Segment, WireWriter Content)> _sealed = [];

    /// <summary>Saves what a start would otherwise have to read again: for rolled segments once, for the active one every few MiB.</summary>
    public void Checkpoint(bool everything)
    {
        List<(Segment Segment, WireWriter Content)> due;
        lock (_gate)
        {
            if (_closed)
                return;
            due = [.. _sealed];
            _sealed.Clear();
            int uncovered = Active.Size - Active.CheckpointedSize;
            if (everything ? uncovered > 0 : uncovered >= CheckpointEveryBytes)
                due.Add((Active, SegmentCheckpoint.Serialize(Active, _producers)));
        }

        foreach ((Segment segment, WireWriter content) in due)
        {
            using (content)
                StoreCheckpoint(segment, content);
        }
    }

    /// <summary>Moves the start of the log forward, as DeleteRecords asks; -1 means the high watermark.</summary>
    public (ErrorCode Error, long Start) DeleteBefore(long offset)
    {
        lock (_gate)
        {
            long target = offset == -1 ? HighWatermark : offset;
            if (target < 0 || target > HighWatermark)
                return (ErrorCode.OffsetOutOfRange, -1);
            try
            {
                if (target > _start)
                    MoveStart(target);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _context.LogStartNotMoved(Topic, Partition, e.Message);
                return (ErrorCode.KafkaStorageError, -1);
            }

            return (ErrorCode.None, _start);
        }
    }

    /// <summary>Drops what retention no longer keeps, and producers idle since <paramref name="idleBefore"/>.</summary>
    public void ApplyRetention(long idleBefore)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _producers.ForgetIdle(idleBefore);
            LogConfig config = _config;
            if (config.Delete && config.RetentionMs >= 0)
                ExpireOlderThan(Now - config.RetentionMs);
            if (config.Delete && config.RetentionBytes >= 0)
                ShrinkTo(config.RetentionBytes);
            DropSegmentsBelowStart();
        }
    }

    /// <summary>What is made of each producer that the partition remembers.</summary>
    public List<T> DescribeProducers<T>(Func<ProducerState, T> describe)
    {
        lock (_gate)
            return [.. _producers.All.Select(describe)];
    }

    /// <summary>Bytes on disk.</summary>
    public long SizeBytes
    {
        get
        {
            lock (_gate)
                return _segments.Sum(s => (long)s.Size);
        }
    }

    private void ExpireOlderThan(long timestamp)
    {
        // The active segment rolls first; only whole segments below the high watermark go.
        if (Active.Size > 0 && Active.MaxTimestamp < timestamp && Active.LastOffset < LastStable)
            Roll();
        int expired = 0;
        while (expired < _segments.Count - 1 && _segments[expired].MaxTimestamp < timestamp && _segments[expired].LastOffset < LastStable)
            expired++;
        if (expired > 0)
            MoveStart(Math.Max(_start, _segments[expired].BaseOffset));
    }

    private void ShrinkTo(long bytes)
    {
        long total = _segments.Sum(s => (long)s.Size);
        int dropped = 0;
        while (dropped < _segments.Count - 1 && total - _segments[dropped].Size >= bytes && _segments[dropped].LastOffset < LastStable)
            total -= _segments[dropped++].Size;
        if (dropped > 0)
            MoveStart(Math.Max(_start, _segments[dropped].BaseOffset));
    }

    private void MoveStart(long start)
    {
        // The start is stored before anything is removed: a crash between leaves data that nobody can read, never a hole.
        StoreOffset(StartFile, FileKind.LogStart, start, _context.Flush.FlushesMetadata);
        _start = start;
    }

    private void DropSegmentsBelowStart()
    {
        while (_segments.Count > 1 && _segments[1].BaseOffset <= _start)
        {
            Segment oldest = _segments[0];
            _segments.RemoveAt(0);
            _unflushed.Remove(oldest);
            oldest.Delete();
        }
    }

    private void StoreOffset(string file, FileKind kind, long offset, bool flush)
    {
        var payload = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(payload, offset);
        FramedFile.Replace(Path.Combine(_folder, file), kind, OffsetFileVersion, payload, flush);
    }

    private long? TryLoadOffset(string file, FileKind kind) =>
        FramedFile.TryLoad(Path.Combine(_folder, file), kind, OffsetFileVersion) is { Length: sizeof(long) } payload ? BinaryPrimitives.ReadInt64BigEndian(payload) : null;

    private void StoreCheckpoint(Segment segment, WireWriter content)
    {
        // A checkpoint must not reach the disk before the bytes it vouches for.
        if (segment.File.IsClosed)
            return;
        if (_context.Flush.FlushesMetadata)
            FlushOrFail([segment]);
        SegmentCheckpoint.Store(segment.CheckpointPath, content, _context.Flush.FlushesMetadata);
        lock (_gate)
            segment.CheckpointedSize = Math.Max(segment.CheckpointedSize, BinaryPrimitives.ReadInt32BigEndian(content.Written.Span[8..]));
    }

    private void Roll()
    {
        // Producers are saved as they stand at the segment's very end, which is now.
        _sealed.Add((Active, SegmentCheckpoint.Serialize(Active, _producers)));
        _segments.Add(Segment.Open(_folder, _end, FileMode.Create));
    }
}
