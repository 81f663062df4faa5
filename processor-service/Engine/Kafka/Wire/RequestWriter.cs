using System.Buffers.Binary;
using System.Text;

namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>One request in the protocol's older form, without tagged fields; its bytes are used again for the next.</summary>
internal sealed class RequestWriter
{
    private byte[] _bytes = new byte[512];
    private int _count;

    public void Begin(ApiKey key, short version, int correlation, string clientId)
    {
        _count = 4;
        Int16((short)key);
        Int16(version);
        Int32(correlation);
        String(clientId);
    }

    /// <returns>The request with its length in front, until the next one begins.</returns>
    public ReadOnlyMemory<byte> End()
    {
        BinaryPrimitives.WriteInt32BigEndian(_bytes, _count - 4);
        return _bytes.AsMemory(0, _count);
    }

    public void Int8(sbyte value) => Next(1)[0] = (byte)value;

    public void Int16(short value) => BinaryPrimitives.WriteInt16BigEndian(Next(2), value);

    public void Int32(int value) => BinaryPrimitives.WriteInt32BigEndian(Next(4), value);

    public void Int64(long value) => BinaryPrimitives.WriteInt64BigEndian(Next(8), value);

    public void String(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        Int16(checked((short)length));
        Encoding.UTF8.GetBytes(value, Next(length));
    }

    private Span<byte> Next(int length)
    {
        if (_bytes.Length - _count < length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _count + length));
        _count += length;
        return _bytes.AsSpan(_count - length, length);
    }
}
