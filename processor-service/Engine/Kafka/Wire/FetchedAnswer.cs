using System.Buffers.Binary;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>
/// Records of one answer, read where they lie: batches of format 2, none of them compressed, without those of aborted transactions (KIP-98).
/// </summary>
internal sealed class FetchedAnswer
{
    private static readonly Comparer<AbortedTransaction> ByFirstOffset = Comparer<AbortedTransaction>.Create((x, y) => x.FirstOffset.CompareTo(y.FirstOffset));

    private readonly List<Piece> _pieces = [];
    private readonly List<AbortedTransaction> _aborted = [];
    private readonly HashSet<long> _abortedProducers = [];
    private readonly RecordHeaders _headers = new();
    private byte[] _data = [];
    private int _nextPiece;
    private Piece _piece;
    private int _nextAborted;
    private int _at;
    private int _records;
    private int _recordAt;
    private long _baseOffset;
    private long _lastOffset;
    private long _baseTimestamp;
    private bool _appendTime;

    /// <summary>Begins to be filled with another answer.</summary>
    /// <param name="data">Stays as it is until the next call.</param>
    /// <returns>The bytes of the one before.</returns>
    public byte[] Begin(byte[] data)
    {
        var before = _data;
        _data = data;
        _pieces.Clear();
        _aborted.Clear();
        (_nextPiece, _piece, _at, _records, _recordAt) = (0, default, 0, 0, 0);
        return before;
    }

    /// <summary>How far it is read, in bytes.</summary>
    public int Position => _recordAt;

    /// <summary>Where the aborted transactions of the piece that is added next will begin.</summary>
    public int AbortedCount => _aborted.Count;

    public void Add(AbortedTransaction aborted) => _aborted.Add(aborted);

    public void Add(in Piece piece) => _pieces.Add(piece);

    /// <exception cref="DamagedAnswerException">It does not hold what its own lengths promise.</exception>
    public bool TryNext(out LogRecord record)
    {
        while (true)
        {
            if (_records > 0)
            {
                if (TryReadRecord(out record)) return true;
            }
            else if (_at < _piece.End)
            {
                OpenBatch();
            }
            else if (_piece.IsUpToEnd)
            {
                record = new LogRecord { Partition = _piece.Partition, Offset = _piece.Next, IsEnd = true };
                _piece = default;
                _at = 0;
                return true;
            }
            else if (_nextPiece < _pieces.Count)
            {
                _piece = _pieces[_nextPiece++];
                (_at, _nextAborted) = (_piece.At, _piece.AbortedAt);
                // They come in the order in which they ended.
                _aborted.Sort(_piece.AbortedAt, _piece.AbortedEnd - _piece.AbortedAt, ByFirstOffset);
                _abortedProducers.Clear();
            }
            else
            {
                record = default;
                return false;
            }
        }
    }

    /// <returns>False for one that lies below what was asked for.</returns>
    private bool TryReadRecord(out LogRecord record)
    {
        var bytes = new RecordBytes(_data.AsSpan(0, _at), _recordAt);
        var length = bytes.VarInt();
        var end = bytes.Position + length;
        if (length < 0 || (uint)end > (uint)_at) throw new DamagedAnswerException("a record ends behind its batch");
        _recordAt = end;
        if (--_records == 0 && end != _at) throw new DamagedAnswerException("a batch has other records than it says");
        bytes.Skip(1);
        var timestamp = bytes.VarLong();
        var offset = _baseOffset + bytes.VarInt();
        if (offset < _baseOffset || offset > _lastOffset) throw new DamagedAnswerException("a record lies outside of its batch");
        if (offset < _piece.From)
        {
            record = default;
            return false;
        }
        var keyLength = bytes.VarInt();
        var key = keyLength < 0 ? default : bytes.Take(keyLength);
        var valueLength = bytes.VarInt();
        var value = valueLength < 0 ? default : bytes.Take(valueLength);
        if (bytes.Position >= end) throw new DamagedAnswerException("a record ends within its value");
        record = new LogRecord
        {
            Partition = _piece.Partition,
            Offset = offset,
            TimestampMs = _appendTime ? _baseTimestamp : _baseTimestamp + timestamp,
            HasKey = keyLength >= 0,
            HasValue = valueLength >= 0,
            Key = key,
            Value = value,
            Headers = _headers.Read(_data.AsSpan(bytes.Position, end - bytes.Position)),
        };
        return true;
    }

    /// <summary>Only whole batches are in a piece, so the head is there.</summary>
    private void OpenBatch()
    {
        var head = new BatchHead(_data.AsSpan(_at));
        (_baseOffset, _recordAt, _at) = (head.BaseOffset, _at + BatchHead.Bytes, _at + head.Size);
        if (head.IsTransactional && IsAborted(head)) return;
        if (head.IsControl) return;
        _records = head.Count;
        _lastOffset = head.LastOffset;
        if (_records < 0 || (_records == 0 && _recordAt != _at)) throw new DamagedAnswerException("a batch has other records than it says");
        _appendTime = head.HasAppendTime;
        _baseTimestamp = _appendTime ? head.MaxTimestamp : head.BaseTimestamp;
    }

    /// <summary>Each transaction of the list is aborted from its first offset to its marker.</summary>
    private bool IsAborted(in BatchHead head)
    {
        for (; _nextAborted < _piece.AbortedEnd && _aborted[_nextAborted].FirstOffset <= head.LastOffset; _nextAborted++) _abortedProducers.Add(_aborted[_nextAborted].ProducerId);
        if (!head.IsControl) return _abortedProducers.Contains(head.ProducerId);
        // Compaction leaves the heads of some markers alone.
        if (head.Count > 0 && IsAbortMarker()) _abortedProducers.Remove(head.ProducerId);
        return true;
    }

    private bool IsAbortMarker()
    {
        const short Abort = 0;
        var bytes = new RecordBytes(_data.AsSpan(0, _at), _recordAt);
        bytes.VarInt();
        bytes.Skip(1);
        bytes.VarLong();
        bytes.VarInt();
        var key = bytes.Take(Math.Max(0, bytes.VarInt()));
        return key.Length >= 4 && BinaryPrimitives.ReadInt16BigEndian(key[2..]) == Abort;
    }

    public readonly record struct AbortedTransaction(long ProducerId, long FirstOffset);

    /// <summary>What an answer has of a partition.</summary>
    /// <param name="Partition">Its number.</param>
    /// <param name="At">Its first batch.</param>
    /// <param name="End">Behind its last whole batch.</param>
    /// <param name="From">First offset that was asked for.</param>
    /// <param name="Next">First offset behind all that came.</param>
    /// <param name="IsUpToEnd">Nothing more could be read when it was answered, and that is to be told.</param>
    /// <param name="AbortedAt">First of its aborted transactions.</param>
    /// <param name="AbortedEnd">Behind the last of them.</param>
    public readonly record struct Piece(int Partition, int At, int End, long From, long Next, bool IsUpToEnd, int AbortedAt, int AbortedEnd);
}
