using System.Text;
using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>Headers of records. Most carry the same ones as the record before: those are not made again.</summary>
internal sealed class RecordHeaders
{
    private byte[] _bytes = [];
    private int _length;
    private Headers? _last;

    /// <param name="bytes">From the number of headers to the end of the record.</param>
    /// <returns>Not to be changed; null where there are none.</returns>
    public Headers? Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.SequenceEqual(_bytes.AsSpan(0, _length))) return _last;
        _last = Parse(bytes);
        if (_bytes.Length < bytes.Length) _bytes = new byte[bytes.Length * 2];
        bytes.CopyTo(_bytes);
        _length = bytes.Length;
        return _last;
    }

    private static Headers? Parse(ReadOnlySpan<byte> bytes)
    {
        var at = new RecordBytes(bytes, 0);
        var count = at.VarInt();
        if (count <= 0) return null;
        var headers = new Headers();
        for (; count > 0; count--)
        {
            var name = Encoding.UTF8.GetString(at.Take(at.VarInt()));
            var length = at.VarInt();
            headers.Add(name, length < 0 ? null : at.Take(length).ToArray());
        }
        return headers;
    }
}
