using Confluent.Kafka;

namespace Tally.Bench.Processing;

/// <summary>Bytes in a buffer that the next record overwrites.</summary>
public readonly record struct Scratch(byte[]? Buffer, int Length)
{
    public bool HasBytes => Buffer is not null;
    public ReadOnlySpan<byte> Span => Buffer.AsSpan(0, Length);
}

/// <summary>Copies into one buffer again and again: a record is done with before the next is read, so nothing is allocated per record.</summary>
public sealed class ScratchDeserializer : IDeserializer<Scratch>
{
    private byte[] _buffer = new byte[256];

    public Scratch Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context)
    {
        if (isNull) return default;
        if (data.Length > _buffer.Length) _buffer = new byte[Math.Max(data.Length, _buffer.Length * 2)];
        data.CopyTo(_buffer);
        return new Scratch(_buffer, data.Length);
    }
}
