using System.Buffers.Binary;
using System.Text;

namespace Tally.Tests.Support.Wire;

/// <summary>A record batch of format 2, written by hand; what a test wants wrong with it is said field by field.</summary>
public sealed record WireBatch
{
    private const int HeaderSize = 61;

    /// <summary>CRC-32C, bit by bit: an oracle, not a fast one. 123456789 gives E3069283.</summary>
    public static uint Crc32C(ReadOnlySpan<byte> data)
    {
        uint crc = ~0u;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0x82F63B78u & (uint)-(int)(crc & 1));
        }

        return ~crc;
    }

    public IReadOnlyList<(string? Key, string? Value)> Records { get; init; } = [("key", "value")];

    public long BaseOffset { get; init; }

    public long ProducerId { get; init; } = -1;

    public int Epoch { get; init; } = -1;

    public int Sequence { get; init; } = -1;

    public bool Transactional { get; init; }

    /// <summary>Further attribute bits: codec (0-2), append time (3), control (5).</summary>
    public int Attributes { get; init; }

    public long Timestamp { get; init; } = 1_700_000_000_000;

    /// <summary>Distance of the records' timestamps, in ms.</summary>
    public int TimestampStep { get; init; }

    public int Magic { get; init; } = 2;

    public int? Count { get; init; }

    public int? LastOffsetDelta { get; init; }

    public int? BatchLength { get; init; }

    public bool WrongCrc { get; init; }

    /// <summary>Replaces the records' bytes, such as by a packed form.</summary>
    public byte[]? Body { get; init; }

    public static WireBatch Of(params string[] keys) => new() { Records = [.. keys.Select(k => ((string?)k, (string?)$"value of {k}"))] };

    /// <summary>The same records in a codec (0 to 4, see <see cref="PackedRecords.Pack"/>).</summary>
    public WireBatch In(int codec) => this with { Attributes = codec, Body = PackedRecords.Pack(codec, Build()[HeaderSize..]) };

    public byte[] Build()
    {
        byte[] body = Body ?? [.. Records.SelectMany((r, i) => Record(i, r.Key, r.Value))];
        var batch = new byte[HeaderSize + body.Length];
        Span<byte> b = batch;
        body.CopyTo(b[HeaderSize..]);
        BinaryPrimitives.WriteInt64BigEndian(b, BaseOffset);
        BinaryPrimitives.WriteInt32BigEndian(b[8..], BatchLength ?? batch.Length - 12);
        BinaryPrimitives.WriteInt32BigEndian(b[12..], -1);
        b[16] = (byte)Magic;
        BinaryPrimitives.WriteInt16BigEndian(b[21..], (short)(Attributes | (Transactional ? 0x10 : 0)));
        BinaryPrimitives.WriteInt32BigEndian(b[23..], LastOffsetDelta ?? Records.Count - 1);
        BinaryPrimitives.WriteInt64BigEndian(b[27..], Timestamp);
        BinaryPrimitives.WriteInt64BigEndian(b[35..], Timestamp + ((long)TimestampStep * Math.Max(0, Records.Count - 1)));
        BinaryPrimitives.WriteInt64BigEndian(b[43..], ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(b[51..], (short)Epoch);
        BinaryPrimitives.WriteInt32BigEndian(b[53..], Sequence);
        BinaryPrimitives.WriteInt32BigEndian(b[57..], Count ?? Records.Count);
        BinaryPrimitives.WriteUInt32BigEndian(b[17..], Crc32C(b[21..]) ^ (WrongCrc ? 1u : 0u));
        return batch;
    }

    /// <summary>What fetched batches hold, one text a batch: offsets, attributes, and of what is not packed keys, values and markers.</summary>
    /// <param name="next">The offset behind the last of them, -1 when there is none.</param>
    public static List<string> Describe(ReadOnlySpan<byte> batches, out long next)
    {
        var found = new List<string>();
        next = -1;
        while (batches.Length >= HeaderSize)
        {
            int size = BinaryPrimitives.ReadInt32BigEndian(batches[8..]) + 12;
            if (size > batches.Length)
                break;
            ReadOnlySpan<byte> batch = batches[..size];
            Assert.That(BinaryPrimitives.ReadUInt32BigEndian(batch[17..]), Is.EqualTo(Crc32C(batch[21..])), "the checksum of a fetched batch");
            long offset = BinaryPrimitives.ReadInt64BigEndian(batch);
            int attributes = BinaryPrimitives.ReadInt16BigEndian(batch[21..]), delta = BinaryPrimitives.ReadInt32BigEndian(batch[23..]);
            int count = BinaryPrimitives.ReadInt32BigEndian(batch[57..]), sequence = BinaryPrimitives.ReadInt32BigEndian(batch[53..]);
            string content = (attributes & 7) == 0 ? Text(batch[HeaderSize..], count, (attributes & 0x20) != 0) : "packed";
            found.Add($"[{offset}..{offset + delta} attributes {attributes} sequence {sequence} {content}]");
            next = offset + delta + 1;
            batches = batches[size..];
        }

        return found;
    }

    private static string Text(ReadOnlySpan<byte> records, int count, bool control)
    {
        try
        {
            return string.Join(',', RecordTexts(records, count, control));
        }
        catch (Exception e) when (e is IndexOutOfRangeException or ArgumentOutOfRangeException)
        {
            return "unreadable";
        }
    }

    private static List<string> RecordTexts(ReadOnlySpan<byte> records, int count, bool control)
    {
        var texts = new List<string>();
        int at = 0;
        for (; count > 0; count--)
        {
            int end = (int)VarLong(records, ref at) + at;
            at++;
            VarLong(records, ref at);
            long delta = VarLong(records, ref at);
            string key = Field(records, ref at, control), value = Field(records, ref at, control);
            // A marker's value ends with how often its coordinator was elected: a busy machine may have made Kafka do that again.
            texts.Add($"+{delta} {key}={(control && value.Length == 12 ? value[..4] : value)}");
            at = end;
        }

        return texts;
    }

    private static string Field(ReadOnlySpan<byte> records, ref int at, bool hex)
    {
        int length = (int)VarLong(records, ref at);
        if (length < 0)
            return "null";
        ReadOnlySpan<byte> field = records.Slice(at, length);
        at += length;
        return hex ? Convert.ToHexStringLower(field) : Encoding.UTF8.GetString(field);
    }

    private static long VarLong(ReadOnlySpan<byte> data, ref int at)
    {
        ulong raw = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = data[at++];
            raw |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return (long)(raw >> 1) ^ -(long)(raw & 1);
        }
    }

    private byte[] Record(int index, string? key, string? value)
    {
        var body = new List<byte> { 0 };
        WriteVarLong(body, (long)index * TimestampStep);
        WriteVarLong(body, index);
        foreach (string? field in new[] { key, value })
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(field ?? "");
            WriteVarLong(body, field is null ? -1 : utf8.Length);
            body.AddRange(utf8);
        }

        WriteVarLong(body, 0);
        var record = new List<byte>();
        WriteVarLong(record, body.Count);
        return [.. record, .. body];
    }

    private static void WriteVarLong(List<byte> into, long value)
    {
        ulong raw = (ulong)((value << 1) ^ (value >> 63));
        for (; raw >= 0x80; raw >>= 7)
            into.Add((byte)(raw | 0x80));
        into.Add((byte)raw);
    }
}
