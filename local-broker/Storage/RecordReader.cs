using Tally.LocalBroker.Protocol;

namespace Tally.LocalBroker.Storage;

/// <summary>One record inside a batch; ranges point into the uncompressed records. A key or value of null has no range.</summary>
internal readonly record struct RecordPart(Range Whole, long TimestampDelta, int OffsetDelta, Range? Key, Range? Value);

/// <summary>Walks the uncompressed records of one batch.</summary>
internal ref struct RecordReader(ReadOnlySpan<byte> records, int count)
{
    private WireReader _reader = new(records);
    private int _left = count;

    public RecordPart Current { get; private set; }

    public bool MoveNext()
    {
        if (_left-- <= 0)
            return false;
        int start = _reader.Position;
        int length = _reader.ReadVarInt();
        int end = _reader.Position + length;
        if (length < 0 || length > _reader.Remaining)
            throw new MalformedRequestException("record longer than its batch");
        _reader.ReadInt8();
        long timestampDelta = _reader.ReadVarLong();
        int offsetDelta = _reader.ReadVarInt();
        Range? key = ReadField();
        Range? value = ReadField();
        if (_reader.Position > end)
            throw new MalformedRequestException("record longer than its length");
        _reader.Take(end - _reader.Position);
        Current = new RecordPart(start..end, timestampDelta, offsetDelta, key, value);
        return true;
    }

    private Range? ReadField()
    {
        int length = _reader.ReadVarInt();
        if (length < 0)
            return null;
        int start = _reader.Position;
        _reader.Take(length);
        return start.._reader.Position;
    }
}
