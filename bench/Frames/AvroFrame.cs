using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Tally.Bench.Frames;

/// <summary>
/// A frame in Avro's binary encoding (specification 1.12): record { long ts; string uid; map of V rest }, V = union { null, boolean, double, string, array of V,
/// map of V }. Just enough of it to be measured.
/// </summary>
internal static class AvroFrame
{
    public static byte[] Write(byte[] frame)
    {
        using var json = JsonDocument.Parse(frame);
        using var stream = new MemoryStream();
        WriteLong(stream, Forms.Seconds(json.RootElement));
        WriteText(stream, json.RootElement.GetProperty("uid").GetString()!);
        WriteMap(stream, [.. json.RootElement.EnumerateObject().Where(member => member.Name is not ("ts" or "uid"))]);
        return stream.ToArray();
    }

    /// <summary>Whole: every value is walked through without making objects.</summary>
    public static long Read(byte[] frame, bool whole)
    {
        ReadOnlySpan<byte> rest = frame;
        var seconds = ReadLong(ref rest);
        var length = (int)ReadLong(ref rest);
        // As text is checked elsewhere.
        if (!System.Text.Unicode.Utf8.IsValid(rest[..length])) return -1;
        rest = rest[length..];
        if (whole) SkipMap(ref rest);
        return seconds + length;
    }

    private static void WriteLong(Stream stream, long value)
    {
        var zigzag = (ulong)((value << 1) ^ (value >> 63));
        for (; zigzag >= 0x80; zigzag >>= 7) stream.WriteByte((byte)(zigzag | 0x80));
        stream.WriteByte((byte)zigzag);
    }

    private static void WriteText(Stream stream, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        WriteLong(stream, bytes.Length);
        stream.Write(bytes);
    }

    private static void WriteMap(Stream stream, IReadOnlyList<JsonProperty> members)
    {
        if (members.Count > 0) WriteLong(stream, members.Count);
        foreach (var member in members)
        {
            WriteText(stream, member.Name);
            WriteValue(stream, member.Value);
        }
        WriteLong(stream, 0);
    }

    private static void WriteValue(Stream stream, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.True or JsonValueKind.False:
                WriteLong(stream, 1);
                stream.WriteByte(value.GetBoolean() ? (byte)1 : (byte)0);
                break;
            case JsonValueKind.Number:
                WriteLong(stream, 2);
                stream.Write(BitConverter.GetBytes(value.GetDouble()));
                break;
            case JsonValueKind.String:
                WriteLong(stream, 3);
                WriteText(stream, value.GetString()!);
                break;
            case JsonValueKind.Array:
                WriteLong(stream, 4);
                if (value.GetArrayLength() > 0) WriteLong(stream, value.GetArrayLength());
                foreach (var item in value.EnumerateArray()) WriteValue(stream, item);
                WriteLong(stream, 0);
                break;
            case JsonValueKind.Object:
                WriteLong(stream, 5);
                WriteMap(stream, [.. value.EnumerateObject()]);
                break;
            default:
                WriteLong(stream, 0);
                break;
        }
    }

    private static long ReadLong(ref ReadOnlySpan<byte> rest)
    {
        ulong zigzag = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = rest[0];
            rest = rest[1..];
            zigzag |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return (long)(zigzag >> 1) ^ -(long)(zigzag & 1);
        }
    }

    private static void SkipText(ref ReadOnlySpan<byte> rest)
    {
        var length = (int)ReadLong(ref rest);
        if (!System.Text.Unicode.Utf8.IsValid(rest[..length])) throw new InvalidDataException("No UTF-8.");
        rest = rest[length..];
    }

    private static void SkipMap(ref ReadOnlySpan<byte> rest)
    {
        for (var count = ReadLong(ref rest); count > 0; count = ReadLong(ref rest))
            for (; count > 0; count--)
            {
                SkipText(ref rest);
                SkipValue(ref rest);
            }
    }

    private static void SkipValue(ref ReadOnlySpan<byte> rest)
    {
        switch (ReadLong(ref rest))
        {
            case 0:
                break;
            case 1:
                rest = rest[1..];
                break;
            case 2:
                _ = BinaryPrimitives.ReadDoubleLittleEndian(rest);
                rest = rest[8..];
                break;
            case 3:
                SkipText(ref rest);
                break;
            case 4:
                for (var count = ReadLong(ref rest); count > 0; count = ReadLong(ref rest))
                    for (; count > 0; count--) SkipValue(ref rest);
                break;
            case 5:
                SkipMap(ref rest);
                break;
            case var branch:
                throw new InvalidDataException($"The union has no branch {branch}.");
        }
    }
}
