using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage;

/// <summary>
/// What a fetch may read, decided under the partition's lock. <c>Segment</c> is null when there is nothing to read. <c>At</c> is where the batch at
/// <c>Position</c> begins, at or before <c>From</c>. <c>GoesOn</c> says that a later segment follows, so that more is there than <c>Available</c>.
/// </summary>
internal readonly record struct ReadPlan(
    ErrorCode Error, LogOffsets Offsets, Segment? Segment, int Position, long At, int Available, long From, long Below, List<AbortedRange>? Aborted,
    bool GoesOn = false)
{
    /// <summary>An error, without the log's offsets, as Kafka answers it.</summary>
    public static ReadPlan Refused(ErrorCode error, List<AbortedRange>? aborted = null) => Nothing(error, new LogOffsets(-1, -1, -1), aborted);

    public static ReadPlan Nothing(ErrorCode error, LogOffsets offsets, List<AbortedRange>? aborted) => new(error, offsets, null, 0, 0, 0, 0, 0, aborted);
}

/// <summary>Reading: plans, bytes, waiting.</summary>
internal sealed partial class PartitionLog
{
    private const int HintCount = 16;
    private readonly ReadHint?[] _hints = new ReadHint?[HintCount];

    /// <summary>Decides what a fetch from the offset returns, up to about <paramref name="bytesMax"/> bytes.</summary>
    public ReadPlan Plan(long offset, int bytesMax, bool committedOnly)
    {
        lock (_gate)
        {
            var offsets = new LogOffsets(_start, HighWatermark, LastStable);
            List<AbortedRange>? aborted = committedOnly ? [] : null;
            if (_closed)
                return ReadPlan.Refused(ErrorCode.UnknownTopicOrPartition, []);
            if (offset < _start || offset > _end)
                return ReadPlan.Refused(ErrorCode.OffsetOutOfRange);
            long below = committedOnly ? offsets.LastStable : offsets.HighWatermark;
            if (offset >= below || FindPlace(offset) is not { } place)
                return ReadPlan.Nothing(ErrorCode.None, offsets, aborted);
            int available = Math.Min(Math.Max(bytesMax, 0), place.Segment.Size - place.Position);
            if (committedOnly)
                aborted = AbortedIn(offset, EstimateEnd(place.Segment, place.Position, available, below));
            return new ReadPlan(ErrorCode.None, offsets, place.Segment, place.Position, place.At, available, offset, below, aborted, place.Segment != Active);
        }
    }

    /// <summary>
    /// Reads the planned batches behind what the writer holds. Whole batches only, beginning with the one that contains the offset; with
    /// <paramref name="atLeastOne"/> the first is returned whatever its size (KIP-74), else a consumer would never get past it.
    /// Returns the bytes written, and an error when the stored data is damaged or cannot be read.
    /// </summary>
    public (int Bytes, ErrorCode Error) Read(in ReadPlan plan, bool atLeastOne, WireWriter into)
    {
        if (plan.Segment is null || (plan.Available == 0 && !atLeastOne))
            return (0, ErrorCode.None);
        try
        {
            int bytes = ReadBatches(plan, atLeastOne, into);
            return bytes < 0 ? (0, ErrorCode.CorruptMessage) : (bytes, ErrorCode.None);
        }
        catch (ObjectDisposedException)
        {
            // The segment was removed or replaced meanwhile: an empty answer makes the client ask again.
            return (0, ErrorCode.None);
        }
        catch (IOException e)
        {
            _context.LogReadFailed(Topic, Partition, plan.From, e.Message);
            return (0, ErrorCode.KafkaStorageError);
        }
    }

    /// <summary>Registers a waiting fetch: whatever becomes readable beyond what its plan saw wakes it, at once if that has happened already.</summary>
    public void WaitForMore(FetchWaiter waiter, in ReadPlan plan, bool committedOnly)
    {
        long seen = committedOnly ? plan.Offsets.LastStable : plan.Offsets.HighWatermark;
        lock (_gate)
        {
            if (!_closed && seen >= (committedOnly ? LastStable : HighWatermark))
            {
                _waiters.Add((waiter, seen, committedOnly));
                return;
            }
        }

        waiter.Wake();
    }

    public void Unregister(FetchWaiter waiter)
    {
        lock (_gate)
            _waiters.RemoveAll(w => w.Waiter == waiter);
    }

    // Waking a fetch for every little batch would cost a client that asked for more its time and ours.
    private List<FetchWaiter>? TakeReadyWaiters(long bytes)
    {
        if (_waiters.Count == 0)
            return null;
        long high = HighWatermark, stable = LastStable;
        List<FetchWaiter>? ready = null;
        for (int i = _waiters.Count - 1; i >= 0; i--)
        {
            (FetchWaiter waiter, long seen, bool committedOnly) = _waiters[i];
            long now = committedOnly ? stable : high;
            if (seen >= now)
                continue;
            if (waiter.Came(bytes))
            {
                (ready ??= []).Add(waiter);
                _waiters.RemoveAt(i);
            }
            else
            {
                _waiters[i] = (waiter, now, committedOnly);
            }
        }

        return ready;
    }

    private (Segment Segment, int Position, long At)? FindPlace(long offset)
    {
        if (_hints[offset & (HintCount - 1)] is { } hint && hint.Offset == offset && !hint.Segment.File.IsClosed && hint.Position < hint.Segment.Size)
            return (hint.Segment, hint.Position, offset);
        int i = SegmentIndexFor(offset);
        // After compaction the offset may lie in a gap at the end of its segment, and a segment may be empty.
        while (i < _segments.Count && (_segments[i].Size == 0 || _segments[i].LastOffset < offset))
            i++;
        if (i == _segments.Count)
            return null;
        IndexEntry entry = _segments[i].Index.AtOrBefore(offset);
        return (_segments[i], entry.Position, entry.Offset);
    }

    private int SegmentIndexFor(long offset)
    {
        int low = 0, high = _segments.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) >> 1;
            if (_segments[middle].BaseOffset <= offset)
                low = middle;
            else
                high = middle - 1;
        }

        return low;
    }

    // An upper bound of the offsets that a read can return; naming an aborted transaction too many is harmless, one too few is not. The read begins at
    // the batch asked for, which lies anywhere from the place found to the next stop of the index, and takes that batch whatever its size.
    private static long EstimateEnd(Segment segment, int position, int available, long below)
    {
        OffsetIndex index = segment.Index;
        return index.FirstFrom(position + 1L) is { } next && index.FirstFrom((long)next.Position + available) is { } end ? Math.Min(below, end.Offset) : below;
    }

    private List<AbortedRange> AbortedIn(long from, long to)
    {
        var found = new List<AbortedRange>();
        for (int i = SegmentIndexFor(from); i < _segments.Count; i++)
        {
            foreach (AbortedRange aborted in _segments[i].Aborted)
            {
                if (aborted.MarkerOffset >= from && aborted.FirstOffset < to)
                    found.Add(aborted);
            }
        }

        found.Sort(static (a, b) => a.FirstOffset.CompareTo(b.FirstOffset));
        return found;
    }

    private int ReadBatches(in ReadPlan plan, bool atLeastOne, WireWriter into)
    {
        Segment segment = plan.Segment!;
        bool gapless = _gapless;
        (int position, long at) = plan.At == plan.From ? (plan.Position, plan.At) : SkipTo(plan, gapless, into);
        if (position >= segment.Size)
            return Damaged(plan.From);
        int limit = Math.Min(plan.Available, segment.Size - position);
        Span<byte> target = into.GetSpan(Math.Max(limit, RecordBatch.HeaderSize));
        int read = ReadFully(segment, target[..Math.Max(limit, RecordBatch.HeaderSize)], position);
        if (read < RecordBatch.HeaderSize)
            return Damaged(plan.From);
        int first = RecordBatch.TotalSize(target);
        if (first > limit)
        {
            if (!atLeastOne)
                return 0;
            if (first < RecordBatch.HeaderSize || first > segment.Size - position)
                return Damaged(plan.From);
            target = into.GetSpan(first);
            read = ReadFully(segment, target[..first], position);
        }

        int length = WholeBatches(target[..read], at, plan.Below, gapless, out long next);
        if (length < 0)
            return Damaged(plan.From);
        into.Advance(length);
        if (length > 0)
            _hints[next & (HintCount - 1)] = new ReadHint(next, segment, position + length);
        return length;
    }

    /// <summary>Place of the batch that contains the offset, or of the first one behind it, and where it must begin; the end when the way there is damaged.</summary>
    private (int Position, long At) SkipTo(in ReadPlan plan, bool gapless, WireWriter scratch)
    {
        const int chunk = 2 * OffsetIndex.IntervalBytes;
        Segment segment = plan.Segment!;
        int position = plan.Position;
        long expected = plan.At;
        while (position < segment.Size)
        {
            Span<byte> heads = scratch.GetSpan(chunk)[..chunk];
            int read = ReadFully(segment, heads, position);
            int at = 0;
            while (read - at >= RecordBatch.HeaderSize)
            {
                BatchHeader header = BatchHeader.Read(heads[at..]);
                if (header.Size < RecordBatch.HeaderSize || (gapless && header.BaseOffset != expected))
                    return (segment.Size, -1);
                if (header.LastOffset >= plan.From)
                    return (position + at, expected);
                at += header.Size;
                expected = header.LastOffset + 1;
            }

            if (at == 0)
                break;
            position += at;
        }

        return (segment.Size, -1);
    }

    private int ReadFully(Segment segment, Span<byte> target, int position)
    {
        int wanted = Math.Min(target.Length, segment.Size - position);
        int total = 0;
        while (total < wanted)
        {
            int read = _context.Disk.Read(segment.File, target[total..wanted], position + total);
            if (read == 0)
                break;
            total += read;
        }

        return total;
    }

    /// <summary>Length of the complete batches that begin below the limit; -1 when the first one is not what was appended.</summary>
    private static int WholeBatches(ReadOnlySpan<byte> data, long expected, long below, bool gapless, out long next)
    {
        int length = 0;
        next = -1;
        while (data.Length - length >= RecordBatch.HeaderSize)
        {
            ReadOnlySpan<byte> rest = data[length..];
            if (!BatchHeader.TryRead(rest, out BatchHeader header))
                return length == 0 ? -1 : length;
            // The offset lies outside the CRC: what tells that it is damaged is the place of the batch behind the others.
            if (gapless ? header.BaseOffset != expected : header.LastOffset < expected)
                return length == 0 ? -1 : length;
            if (header.BaseOffset >= below || header.Size > rest.Length)
                break;
            if (!RecordBatch.IsCrcValid(rest[..header.Size]))
                return length == 0 ? -1 : length;
            length += header.Size;
            next = expected = header.LastOffset + 1;
        }

        return length;
    }

    private int Damaged(long offset)
    {
        _context.LogDamaged(Topic, Partition, offset);
        return -1;
    }

    /// <summary>Where the batch behind an earlier answer begins: consumers ask for it next.</summary>
    private sealed record ReadHint(long Offset, Segment Segment, int Position);
}
