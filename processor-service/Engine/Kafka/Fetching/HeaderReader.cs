using System.Buffers;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka.Fetching;

/// <summary>
/// Headers of records. Most carry the same ones as the record before, or none as that one; then librdkafka is not asked, which takes them apart anew
/// for each record, and a buffer first (docs/decisions/0024).
/// </summary>
internal sealed unsafe class HeaderReader
{
    // Between the headers of one record and the key of the next lie that one's lengths, times and offset: from 5 to 31 bytes, and 61 more where a batch begins.
    private const int LeastBetween = 5;
    private const int MostBetween = 31 + 61;

    private readonly ArrayBufferWriter<byte> _wire = new();
    private Headers _last = [];

    /// <param name="message">A record.</param>
    /// <param name="next">The one that follows in the batch in hand; null where none does.</param>
    /// <returns>Not to be changed; null where there are none.</returns>
    public Headers? Read(NativeMessage* message, NativeMessage* next)
    {
        if (LiesAsLast(message, next)) return LastOrNone;
        nint headers;
        if (Librdkafka.Headers(message, &headers) != 0) headers = 0;
        if (headers == 0 ? _last.Count > 0 : !IsLast(headers)) _last = headers == 0 ? [] : Copy(headers);
        else if (_wire.WrittenCount > 0) return LastOrNone;
        _wire.ResetWrittenCount();
        HeadersOnTheWire.Write(_wire, _last);
        return LastOrNone;
    }

    private Headers? LastOrNone => _last.Count == 0 ? null : _last;

    /// <summary>
    /// Headers stand behind the value, where the record was received, and the next record stands behind them: where it begins so close, all between is there to be
    /// read. Formats before the second have no headers; there an offset follows, whose first byte says "none" as well.
    /// </summary>
    private bool LiesAsLast(NativeMessage* message, NativeMessage* next)
    {
        var known = _wire.WrittenSpan;
        if (known.Length == 0 || next == null || message->Payload == null) return false;
        var end = message->Payload + message->PayloadLength;
        var begin = next->Key != null ? next->Key : next->Payload;
        var between = begin - end - known.Length;
        return between is >= LeastBetween and <= MostBetween && new ReadOnlySpan<byte>(end, known.Length).SequenceEqual(known);
    }

    private bool IsLast(nint headers)
    {
        for (var i = 0; i < _last.Count; i++)
        {
            if (!TryGet(headers, i, out var name, out var value, out var isNull)) return false;
            var known = _last[i];
            if (isNull != known.GetValueBytes() is null || !value.SequenceEqual(known.GetValueBytes()) || !IsName(known.Key, name)) return false;
        }
        return !TryGet(headers, _last.Count, out _, out _, out _);
    }

    private static Headers Copy(nint headers)
    {
        var copy = new Headers();
        for (var i = 0; TryGet(headers, i, out var name, out var value, out var isNull); i++)
            copy.Add(System.Text.Encoding.UTF8.GetString(name), isNull ? null : value.ToArray());
        return copy;
    }

    private static bool IsName(string known, ReadOnlySpan<byte> name)
    {
        if (known.Length != name.Length) return false;
        for (var i = 0; i < name.Length; i++)
            if (known[i] != name[i]) return false;
        return true;
    }

    private static bool TryGet(nint headers, int index, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value, out bool isNull)
    {
        byte* nameAt;
        byte* valueAt;
        nuint length;
        if (Librdkafka.Header(headers, (nuint)index, &nameAt, &valueAt, &length) != 0)
        {
            name = value = default;
            isNull = true;
            return false;
        }
        name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(nameAt);
        value = new ReadOnlySpan<byte>(valueAt, checked((int)length));
        isNull = valueAt == null;
        return true;
    }
}
