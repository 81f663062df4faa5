using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Tally.ProcessorService.Jobs.Frames;

namespace Tally.Bench.Frames;

/// <summary>
/// The same frames as JSON, Protocol Buffers and Avro: bytes, and what reading ts and uid takes, alone and with a walk to the end of the frame. ts and uid are the
/// first two fields of both schemas; what else is in a frame has no schema, so it is a Struct there and a map of unions here.
/// </summary>
public static class Forms
{
    private const int Rounds = 20;

    public static int Run(string file)
    {
        var json = FrameFile.Read(file);
        var protobuf = Array.ConvertAll(json, ToProtobuf);
        var avro = Array.ConvertAll(json, AvroFrame.Write);
        var (whole, head) = (new FrameScanner(validateTail: true), new FrameScanner(validateTail: false));
        Time("json read=both_fields", json, frame => head.Read(frame, out var seconds, out var user) == FrameFault.None ? seconds + user.Length : -1);
        Time("json read=whole", json, frame => whole.Read(frame, out var seconds, out var user) == FrameFault.None ? seconds + user.Length : -1);
        Time("protobuf read=both_fields", protobuf, frame => ReadProtobuf(frame, whole: false));
        Time("protobuf read=whole", protobuf, frame => ReadProtobuf(frame, whole: true));
        Time("avro read=both_fields", avro, frame => AvroFrame.Read(frame, whole: false));
        Time("avro read=whole", avro, frame => AvroFrame.Read(frame, whole: true));
        return 0;
    }

    private static void Time(string name, byte[][] frames, Func<byte[], long> read)
    {
        var sum = 0L;
        for (var round = 0; round < 3; round++) sum = frames.Sum(read);
        var began = Stopwatch.GetTimestamp();
        for (var round = 0; round < Rounds; round++)
            foreach (var frame in frames) read(frame);
        var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var bytes = frames.Sum(frame => (long)frame.Length);
        Line.Print($"{name} sum={sum} bytes_per_frame={bytes / frames.Length} ns_per_frame={took / frames.Length / Rounds * 1e9:F0}", (long)frames.Length * Rounds, bytes * Rounds, took);
    }

    private static byte[] ToProtobuf(byte[] frame)
    {
        using var json = JsonDocument.Parse(frame);
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            output.WriteTag(1, WireFormat.WireType.Varint);
            output.WriteInt64(Seconds(json.RootElement));
            output.WriteTag(2, WireFormat.WireType.LengthDelimited);
            output.WriteString(json.RootElement.GetProperty("uid").GetString());
            output.WriteTag(3, WireFormat.WireType.LengthDelimited);
            output.WriteMessage(ToStruct(json.RootElement, isRoot: true));
        }
        return stream.ToArray();
    }

    /// <summary>Whole: the rest becomes a Struct, as Protocol Buffers for .NET has no walk that makes no objects.</summary>
    private static long ReadProtobuf(byte[] frame, bool whole)
    {
        using var input = new CodedInputStream(frame);
        input.ReadTag();
        var seconds = input.ReadInt64();
        input.ReadTag();
        var user = input.ReadString();
        if (whole && input.ReadTag() != 0) Struct.Parser.ParseFrom(input.ReadBytes());
        return seconds + System.Text.Encoding.UTF8.GetByteCount(user);
    }

    internal static long Seconds(JsonElement root)
    {
        var ts = root.GetProperty("ts");
        return ts.ValueKind == JsonValueKind.Number ? ts.GetInt64() : long.Parse(ts.GetString()!, CultureInfo.InvariantCulture);
    }

    private static Struct ToStruct(JsonElement element, bool isRoot)
    {
        var made = new Struct();
        foreach (var member in element.EnumerateObject())
            if (!(isRoot && member.Name is "ts" or "uid")) made.Fields[member.Name] = ToValue(member.Value);
        return made;
    }

    private static Value ToValue(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => Value.ForStruct(ToStruct(element, isRoot: false)),
        JsonValueKind.Array => Value.ForList([.. element.EnumerateArray().Select(ToValue)]),
        JsonValueKind.String => Value.ForString(element.GetString()),
        JsonValueKind.Number => Value.ForNumber(element.GetDouble()),
        JsonValueKind.True or JsonValueKind.False => Value.ForBool(element.GetBoolean()),
        _ => Value.ForNull(),
    };
}
