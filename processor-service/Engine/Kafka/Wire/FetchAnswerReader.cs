using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>Goes through an answer to Fetch, version 11, and the heads of its batches.</summary>
internal ref struct FetchAnswerReader
{
    private const int BehindLength = 4;

    private readonly byte[] _bytes;
    private AnswerReader _answer;
    private int _topics;
    private int _partitions;

    /// <param name="bytes">Length and number in front.</param>
    /// <param name="length">How many of the bytes are the answer.</param>
    /// <exception cref="SessionEndException">It is refused as a whole.</exception>
    public FetchAnswerReader(byte[] bytes, int length)
    {
        _bytes = bytes;
        _answer = new AnswerReader(bytes.AsSpan(BehindLength, length - BehindLength));
        _answer.Int32();
        ThrottleMs = _answer.Int32();
        if ((ErrorCode)_answer.Int16() is not ErrorCode.NoError and var error) throw KafkaFaults.OfInput(new Error(error, "Fetch"), null);
        _answer.Int32();
        _topics = _answer.Count();
    }

    /// <summary>So long the broker will let the next question wait (KIP-219).</summary>
    public int ThrottleMs { get; }

    /// <param name="aborted">Takes the aborted transactions.</param>
    /// <param name="head">Of the next partition.</param>
    /// <exception cref="DamagedAnswerException">It does not hold what its own lengths promise.</exception>
    public bool TryNext(FetchedAnswer aborted, out Head head)
    {
        while (_partitions == 0)
        {
            if (_topics-- == 0)
            {
                head = default;
                return false;
            }
            // One topic is asked for.
            _answer.String();
            _partitions = _answer.Count();
        }
        _partitions--;
        var (partition, error, highWatermark, lastStable, logStart) = (_answer.Int32(), (ErrorCode)_answer.Int16(), _answer.Int64(), _answer.Int64(), _answer.Int64());
        var abortedAt = aborted.AbortedCount;
        for (var left = _answer.Count(); left > 0; left--) aborted.Add(new FetchedAnswer.AbortedTransaction(_answer.Int64(), _answer.Int64()));
        var preferredReplica = _answer.Int32();
        var bytes = _answer.SkipBytes();
        var end = BehindLength + _answer.Position;
        head = (preferredReplica == -1 ? Batches(end - bytes, end) : new Head { At = end, End = end, Next = -1, Unreadable = "a follower that it is to be read from" }) with
        {
            Partition = partition,
            Error = error,
            HighWatermark = highWatermark,
            LastStable = lastStable,
            LogStart = logStart,
            AbortedAt = abortedAt,
            AbortedEnd = aborted.AbortedCount,
        };
        return true;
    }

    /// <summary>Whole batches; the last may be cut off.</summary>
    private readonly Head Batches(int begin, int end)
    {
        var (at, next) = (begin, -1L);
        BatchMark first = default, last = default;
        while (end - at >= BatchHead.BytesToMagic)
        {
            var batch = new BatchHead(_bytes.AsSpan(at));
            if (batch.Magic != 2) return new Head { At = at, End = at, Next = next, Unreadable = $"records in format {batch.Magic}" };
            if (end - at < BatchHead.Bytes) break;
            var mark = new BatchMark(batch.LastOffset, batch.Checksum);
            if (at == begin) first = mark;
            if (batch.IsCompressed) return new Head { At = at, End = at, Next = next, First = first, Unreadable = "compressed records" };
            if (batch.Size < BatchHead.Bytes) throw new DamagedAnswerException($"a batch claims {batch.Size} bytes");
            if (batch.Size > end - at) break;
            if (batch.BaseOffset < 0 || batch.LastOffset < batch.BaseOffset) throw new DamagedAnswerException($"a batch has offsets from {batch.BaseOffset} to {batch.LastOffset}");
            if (batch.LastOffset < next) throw new DamagedAnswerException($"offset {batch.LastOffset} comes behind offset {next}");
            (next, last) = (batch.LastOffset + 1, mark);
            at += batch.Size;
        }
        return new Head { At = begin, End = at, Next = next, First = first, Last = last };
    }

    public readonly record struct Head
    {
        public int Partition { get; init; }
        public ErrorCode Error { get; init; }
        public long HighWatermark { get; init; }
        public long LastStable { get; init; }

        /// <summary>Its first offset.</summary>
        public long LogStart { get; init; }

        /// <summary>First of its batches.</summary>
        public int At { get; init; }

        /// <summary>Behind its last whole batch.</summary>
        public int End { get; init; }

        /// <summary>Offset behind its last whole batch, -1 where there is none.</summary>
        public long Next { get; init; }

        /// <summary>Its first batch, where there is one.</summary>
        public BatchMark First { get; init; }

        /// <summary>Its last whole batch, where there is one.</summary>
        public BatchMark Last { get; init; }

        public int AbortedAt { get; init; }
        public int AbortedEnd { get; init; }

        /// <summary>What its batches are that is not read here.</summary>
        public string? Unreadable { get; init; }
    }
}
