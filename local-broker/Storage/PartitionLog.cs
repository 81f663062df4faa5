using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage;

/// <summary>Offsets of a partition at one moment.</summary>
internal readonly record struct LogOffsets(long Start, long HighWatermark, long LastStable);

/// <summary>Answer to an append.</summary>
internal readonly record struct AppendResult(ErrorCode Error, long BaseOffset, long AppendTime, long LogStart, string? Message = null)
{
    public static AppendResult Refused(ErrorCode error, string? message = null) => new(error, -1, -1, -1, message);
}

/// <summary>
/// One partition: its segments, its producers, its open transactions, and who waits for data. All state changes under one lock; a write into the page
/// cache happens inside it, so that check, append and offset are one step. Readers take a plan under the lock and read the file outside of it.
/// </summary>
internal sealed partial class PartitionLog : IFlushable, IDisposable
{
    // The end of a transaction, or of a flush, may release much at once: whoever waits looks again.
    private const long EverythingReleased = int.MaxValue;

    private readonly Lock _gate = new();
    private readonly string _folder;
    private readonly StorageContext _context;
    private readonly ProducerTable _producers = new();
    private readonly List<(FetchWaiter Waiter, long Offset, bool CommittedOnly)> _waiters = [];
    private readonly List<Segment> _segments;
    private readonly HashSet<Segment> _unflushed = [];
    private volatile LogConfig _config;
    private long _start;
    private long _end;
    private long _flushedEnd;
    private bool _failed;
    private bool _refusing;
    private bool _closed;

    public PartitionLog(string topic, int partition, string folder, LogConfig config, StorageContext context)
    {
        (Topic, Partition, _folder, _config, _context) = (topic, partition, folder, config, context);
        Directory.CreateDirectory(folder);
        FinishCleaning(folder);
        long? start = TryLoadOffset(StartFile, FileKind.LogStart), cleanedTo = TryLoadOffset(CleanedToFile, FileKind.CleanedTo);
        (_start, _cleanedTo, _gapless) = (start ?? 0, cleanedTo ?? 0, cleanedTo is null);
        _segments = SegmentRecovery.Open(folder, start, _gapless, _producers, _sealed, context);
        if (_segments.Count == 0)
            _segments.Add(Segment.Open(folder, _start, FileMode.CreateNew));
        // Only where a repair goes on without the first segments: then this is where the log starts from now on.
        if (_segments[0].BaseOffset > _start)
            MoveStart(_segments[0].BaseOffset);
        // A power cut may have taken records that were deleted before: offsets go on behind them, in a segment of their own.
        if (_start > Active.LastOffset + 1)
            _segments.Add(Segment.Open(folder, _start, FileMode.CreateNew));
        _end = _flushedEnd = Active.LastOffset + 1;
        FlushWhatAKillLeft();
    }

    /// <summary>Whether the folder holds a log, be it in the middle of a compaction.</summary>
    public static bool IsPresent(string folder) =>
        Directory.Exists(folder) && Directory.EnumerateFiles(folder).Any(f => Path.GetExtension(f) is Segment.LogSuffix or SwapSuffix);

    public string Topic { get; }

    public int Partition { get; }

    public LogConfig Config
    {
        get => _config;
        set => _config = value;
    }

    public LogOffsets Offsets
    {
        get
        {
            lock (_gate)
                return new LogOffsets(_start, HighWatermark, LastStable);
        }
    }

    /// <summary>Offset that the next record gets.</summary>
    public long EndOffset
    {
        get
        {
            lock (_gate)
                return _end;
        }
    }

    /// <summary>True after a failed flush: nothing more is taken until a restart, because nobody knows what the disk holds.</summary>
    public bool IsFailed
    {
        get
        {
            lock (_gate)
                return _failed;
        }
    }

    /// <summary>Largest producer id remembered, -1 when there is none.</summary>
    public long LargestProducerId
    {
        get
        {
            lock (_gate)
                return _producers.All.Select(p => p.ProducerId).DefaultIfEmpty(-1).Max();
        }
    }

    private Segment Active => _segments[^1];

    // One node: a record is readable once it is as durable as the flush policy promises.
    private long HighWatermark => _context.Flush.IsGroup ? _flushedEnd : _end;

    private long LastStable => Math.Min(HighWatermark, _producers.OldestOpenOffset());

    private long Now => _context.Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Appends one batch from a client, already validated by itself; the producer's sequence is checked here, in one step with the append.</summary>
    public AppendResult Append(Span<byte> batch, in BatchHeader header)
    {
        List<FetchWaiter>? woken;
        AppendResult result;
        lock (_gate)
        {
            if (header.HasProducer)
            {
                ProducerVerdict verdict = _producers.Check(header);
                if (verdict.Error != ErrorCode.None)
                    return AppendResult.Refused(verdict.Error) with { LogStart = _start };
                if (verdict.Duplicate is { } known)
                    return new AppendResult(ErrorCode.None, known.BaseOffset, known.Timestamp, _start);
            }

            long now = Now;
            if (_config.AppendTime)
                RecordBatch.StampAppendTime(batch, now);
            if (!TryWrite(batch, now, out BatchHeader placed))
                return AppendResult.Refused(ErrorCode.KafkaStorageError);
            if (placed.HasProducer)
                _producers.Appended(placed, now);
            result = new AppendResult(ErrorCode.None, placed.BaseOffset, _config.AppendTime ? now : -1, _start);
            woken = TakeReadyWaiters(batch.Length);
        }

        Wake(woken);
        return result;
    }

    /// <summary>Ends a transaction in this partition with a marker.</summary>
    public ErrorCode AppendMarker(long producerId, short epoch, bool commit)
    {
        List<FetchWaiter>? woken;
        lock (_gate)
        {
            long now = Now;
            if (!TryWrite(ControlBatch.Marker(producerId, epoch, commit, now), now, out BatchHeader placed))
                return ErrorCode.KafkaStorageError;
            long first = _producers.Ended(placed, now);
            if (!commit && first >= 0)
                Active.Aborted.Add(new AbortedRange(producerId, first, placed.BaseOffset));
            woken = TakeReadyWaiters(EverythingReleased);
        }

        Wake(woken);
        return ErrorCode.None;
    }

    /// <summary>Whether that producer has records here that no marker has ended.</summary>
    public bool HasOpenTransaction(long producerId)
    {
        lock (_gate)
            return _producers.Find(producerId) is { HasOpenTransaction: true };
    }

    /// <summary>Stops taking records and wakes who waits; files stay as they are.</summary>
    public void Dispose()
    {
        List<FetchWaiter> waiters;
        lock (_gate)
        {
            if (_closed)
                return;
            _closed = true;
            waiters = [.. _waiters.Select(w => w.Waiter)];
            _waiters.Clear();
            _segments.ForEach(s => s.Dispose());
        }

        _context.Flush.Forget(this);
        Wake(waiters);
    }

    private static void Wake(List<FetchWaiter>? waiters)
    {
        foreach (FetchWaiter waiter in waiters ?? [])
            waiter.Wake();
    }

    private bool TryWrite(Span<byte> batch, long now, out BatchHeader placed)
    {
        RecordBatch.Place(batch, _end, leaderEpoch: 0);
        placed = BatchHeader.Read(batch);
        if (_failed || _closed || _context.Flush.HasFailed)
            return false;
        try
        {
            RollIfDue(batch.Length, now);
            _context.Disk.Write(Active.File, batch, Active.Size);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Said once, not once for each of thousands.
            if (!_refusing)
                _context.LogAppendFailed(Topic, Partition, e.Message);
            _refusing = true;
            CutBack();
            return false;
        }

        if (_refusing)
            _context.LogAppendsAgain(Topic, Partition);
        _refusing = false;

        Active.Appended(placed, now);
        _end = placed.LastOffset + 1;
        _unflushed.Add(Active);
        _context.Flush.MarkDirty(this);
        return true;
    }

    // A half-written batch (disk full) goes at once, not at the next start; when even that fails nothing may follow it.
    private void CutBack()
    {
        try
        {
            _context.Disk.SetLength(Active.File, Active.Size);
        }
        catch (IOException)
        {
            _failed = true;
        }
    }

    private void RollIfDue(int batchSize, long now)
    {
        Segment active = Active;
        bool full = (long)active.Size + batchSize > _config.SegmentBytes;
        bool old = active.FirstAppendAt >= 0 && now - active.FirstAppendAt > _config.SegmentMs;
        if (active.Size > 0 && (full || old))
            Roll();
    }
}
