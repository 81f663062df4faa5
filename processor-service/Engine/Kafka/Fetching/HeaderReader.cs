using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka.Fetching;

/// <summary>Headers of records. Most carry the same ones as the record before; those are made once.</summary>
internal sealed unsafe class HeaderReader
{
    private Headers _last = [];

    /// <returns>Not to be changed; null where there are none.</returns>
    public Headers? Read(NativeMessage* message)
    {
        nint headers;
        if (Librdkafka.Headers(message, &headers) != 0) return null;
        return IsLast(headers) ? _last : _last = Copy(headers);
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
