using System.Buffers.Binary;
using System.Text;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker;

/// <summary>Record batches as a client would send them.</summary>
internal sealed record TestBatch
{
    public IReadOnlyList<(string? Key, string? Value)> Records { get; init; } = [("key", "value")];

    public long ProducerId { get; init; } = -1;

    public short Epoch { get; init; } = -1;

    public int Sequence { get; init; } = -1;

    public bool Transactional { get; init; }

    public long Timestamp { get; init; } = 1_000_000;

    public static TestBatch Of(params string[] keys) => new() { Records = [.. keys.Select(k => ((string?)k, (string?)$"value of {k}"))] };

    public byte[] Build()
    {
        using var writer = new WireWriter();
        writer.WriteRaw(new byte[RecordBatch.HeaderSize]);
        for (int i = 0; i < Records.Count; i++)
            WriteRecord(writer, i, Records[i].Key, Records[i].Value);
        byte[] batch = writer.Written.ToArray();
        Span<byte> b = batch;
        BinaryPrimitives.WriteInt32BigEndian(b[8..], batch.Length - 12);
        b[16] = 2;
        BinaryPrimitives.WriteInt16BigEndian(b[21..], Transactional ? (short)0x10 : (short)0);
        BinaryPrimitives.WriteInt32BigEndian(b[23..], Records.Count - 1);
        BinaryPrimitives.WriteInt64BigEndian(b[27..], Timestamp);
        BinaryPrimitives.WriteInt64BigEndian(b[35..], Timestamp + Records.Count - 1);
        BinaryPrimitives.WriteInt64BigEndian(b[43..], ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(b[51..], Epoch);
        BinaryPrimitives.WriteInt32BigEndian(b[53..], Sequence);
        BinaryPrimitives.WriteInt32BigEndian(b[57..], Records.Count);
        return Sealed(batch);
    }

    /// <summary>Gives a batch that was tampered with the checksum it needs.</summary>
    public static byte[] Sealed(byte[] batch)
    {
        BinaryPrimitives.WriteUInt32BigEndian(batch.AsSpan(17), Crc32C.Of(batch.AsSpan(21)));
        return batch;
    }

    /// <summary>The records of stored batches: offset, key, value, in order; markers left out.</summary>
    public static List<(long Offset, string? Key, string? Value)> Parse(ReadOnlySpan<byte> batches)
    {
        var found = new List<(long, string?, string?)>();
        while (batches.Length > 0)
        {
            BatchHeader header = BatchHeader.Read(batches);
            Assert.That(RecordBatch.IsCrcValid(batches[..header.Size]), "a batch with a wrong checksum");
            ReadOnlySpan<byte> records = batches[RecordBatch.HeaderSize..header.Size];
            var reader = new RecordReader(records, header.IsControl ? 0 : header.Count);
            while (reader.MoveNext())
            {
                string? Text(Range? range, ReadOnlySpan<byte> from) => range is { } r ? Encoding.UTF8.GetString(from[r]) : null;
                found.Add((header.BaseOffset + reader.Current.OffsetDelta, Text(reader.Current.Key, records), Text(reader.Current.Value, records)));
            }

            batches = batches[header.Size..];
        }

        return found;
    }

    private static void WriteRecord(WireWriter writer, int index, string? key, string? value)
    {
        using var body = new WireWriter();
        body.WriteInt8(0);
        body.WriteVarLong(index);
        body.WriteVarInt(index);
        foreach (string? field in new[] { key, value })
        {
            byte[]? bytes = field is null ? null : Encoding.UTF8.GetBytes(field);
            body.WriteVarInt(bytes?.Length ?? -1);
            body.WriteRaw(bytes);
        }

        body.WriteVarInt(0);
        writer.WriteVarInt(body.Length);
        writer.WriteRaw(body.Written.Span);
    }
}
