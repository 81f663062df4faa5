using System.Buffers;
using System.Text;
using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka.Fetching;

/// <summary>Headers as a record of format 2 has them (KIP-82): how many, then lengths and bytes of name and value; a value that is null has length -1.</summary>
internal static class HeadersOnTheWire
{
    public static void Write(IBufferWriter<byte> to, Headers headers)
    {
        WriteNumber(to, headers.Count);
        foreach (var header in headers)
        {
            var name = Encoding.UTF8.GetBytes(header.Key);
            WriteNumber(to, name.Length);
            to.Write(name);
            var value = header.GetValueBytes();
            WriteNumber(to, value?.Length ?? -1);
            to.Write(value);
        }
    }

    /// <summary>Zigzag, then seven bits a byte.</summary>
    private static void WriteNumber(IBufferWriter<byte> to, int number)
    {
        var rest = (uint)((number << 1) ^ (number >> 31));
        var bytes = to.GetSpan(5);
        var length = 0;
        for (; rest > 0x7f; rest >>= 7) bytes[length++] = (byte)(rest | 0x80);
        bytes[length++] = (byte)rest;
        to.Advance(length);
    }
}
