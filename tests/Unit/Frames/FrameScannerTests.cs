using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Text.Unicode;
using Tally.ProcessorService.Jobs.Frames;

namespace Tally.Tests.Unit.Frames;

public sealed partial class FrameScannerTests
{
    [Test]
    public void Any_frame_is_read_as_a_document_of_objects_reads_it([Range(1, 20)] int seed)
    {
        var (frames, scanner, found) = (new RandomJson(seed), new FrameScanner(), new HashSet<FrameFault>());
        for (var i = 0; i < 1_000; i++)
        {
            var frame = Encoding.UTF8.GetBytes(frames.Frame());
            var expected = Oracle(frame);
            Assert.That(Read(scanner, frame), Is.EqualTo(expected), $"seed {seed}: {Encoding.UTF8.GetString(frame)}");
            found.Add(expected.Fault);
        }
        Assert.That(found, Is.EquivalentTo(Enum.GetValues<FrameFault>().Except([FrameFault.NotJson])), "the frames have every fault but that");
    }

    [Test]
    public void Whatever_is_damaged_is_told_apart_as_a_strict_parser_does([Range(1, 20)] int seed)
    {
        var (frames, scanner, refused) = (new RandomJson(seed), new FrameScanner(), 0);
        for (var i = 0; i < 1_000; i++)
        {
            var frame = frames.Damaged(frames.Frame());
            var expected = Oracle(frame);
            Assert.That(Read(scanner, frame), Is.EqualTo(expected), $"seed {seed}: {Convert.ToHexString(frame)}");
            if (expected.Fault == FrameFault.NotJson) refused++;
        }
        Assert.That(refused, Is.InRange(200, 950));
    }

    [Test]
    public void Without_a_look_at_the_tail_good_frames_are_read_the_same([Range(1, 10)] int seed)
    {
        var (frames, scanner) = (new RandomJson(seed), new FrameScanner(validateTail: false));
        for (var i = 0; i < 1_000; i++)
        {
            var frame = Encoding.UTF8.GetBytes(frames.Frame());
            Assert.That(Read(scanner, frame), Is.EqualTo(Oracle(frame)), $"seed {seed}: {Encoding.UTF8.GetString(frame)}");
        }
    }

    [TestCase("""{"ts":1,"uid":"a","x":""", FrameFault.NotJson, FrameFault.None)]
    [TestCase("""{"x":[1,2,"ts":1,"uid":"a"}""", FrameFault.NotJson, FrameFault.NotJson)]
    [TestCase("""{"ts":1,"uid":"a"} {"ts":2,"uid":"b"}""", FrameFault.NotJson, FrameFault.None)]
    [TestCase("""{"ts":1,"uid":"a",}""", FrameFault.NotJson, FrameFault.None)]
    [TestCase("""{"uid":"a","ts":5,"ts":"6","uid":"b"}""", FrameFault.None, FrameFault.None)]
    public void The_tail_behind_both_fields_is_looked_at_or_not(string frame, FrameFault validated, FrameFault not)
    {
        Assert.That(Read(new FrameScanner(), Encoding.UTF8.GetBytes(frame)).Fault, Is.EqualTo(validated));
        Assert.That(Read(new FrameScanner(validateTail: false), Encoding.UTF8.GetBytes(frame)).Fault, Is.EqualTo(not));
    }

    [TestCase("", FrameFault.NotJson)]
    [TestCase("\r\n", FrameFault.NotJson)]
    [TestCase("[{\"ts\":1,\"uid\":\"a\"}]", FrameFault.NoTimestamp)]
    [TestCase("\"ts\"", FrameFault.NoTimestamp)]
    [TestCase("{\"ts\":NaN,\"uid\":\"a\"}", FrameFault.NotJson)]
    [TestCase("{\"a\":{\"ts\":1,\"uid\":\"a\"}}", FrameFault.NoTimestamp)]
    [TestCase("{\"ts\":\" 5\",\"uid\":\"a\"}", FrameFault.TimestampIsNoNumber)]
    [TestCase("{\"ts\":\"+5\",\"uid\":\"a\"}", FrameFault.TimestampIsNoNumber)]
    [TestCase("{\"ts\":\"05\",\"uid\":\"a\"}", FrameFault.TimestampIsNoNumber)]
    [TestCase("{\"ts\":\"5\\u0030\",\"uid\":\"a\"}", FrameFault.None)]
    [TestCase("{\"ts\":253402300799,\"uid\":\"a\"}", FrameFault.None)]
    [TestCase("{\"ts\":253402300800,\"uid\":\"a\"}", FrameFault.TimestampOutOfRange)]
    [TestCase("{\"ts\":1,\"uid\":7}", FrameFault.UserIsNoText)]
    [TestCase("{\"ts\":1,\"uid\":\"\"}", FrameFault.UserIsNoText)]
    [TestCase("{\"ts\":1,\"uid\":\"\\u0000\"}", FrameFault.None)]
    public void Known_oddities_have_their_reason(string frame, FrameFault fault) =>
        Assert.That(Read(new FrameScanner(), Encoding.UTF8.GetBytes(frame)).Fault, Is.EqualTo(fault));

    [Test]
    public void A_thousand_levels_are_read_and_more_than_the_limit_refused()
    {
        static byte[] Deep(int levels) => Encoding.UTF8.GetBytes($"{{\"x\":{new string('[', levels)}{new string(']', levels)},\"ts\":1,\"uid\":\"a\"}}");
        Assert.That(Read(new FrameScanner(), Deep(1_000)).Fault, Is.EqualTo(FrameFault.None));
        Assert.That(Read(new FrameScanner(), Deep(1_024)).Fault, Is.EqualTo(FrameFault.NotJson));
    }

    [Test]
    public void A_uid_of_a_megabyte_with_escapes_is_read_whole()
    {
        var uid = new string('ж', 500_000) + "\"";
        var read = Read(new FrameScanner(), JsonSerializer.SerializeToUtf8Bytes(new { uid, ts = 1 }));
        Assert.That(read, Is.EqualTo((FrameFault.None, 1L, uid)));
    }

    private static (FrameFault Fault, long Seconds, string User) Read(FrameScanner scanner, byte[] frame)
    {
        var fault = scanner.Read(frame, out var seconds, out var user);
        return fault == FrameFault.None ? (fault, seconds, Encoding.UTF8.GetString(user)) : (fault, 0, "");
    }

    /// <summary>By System.Text.Json's objects and decimal arithmetic.</summary>
    private static (FrameFault Fault, long Seconds, string User) Oracle(byte[] frame)
    {
        if (!Utf8.IsValid(frame)) return (FrameFault.NotJson, 0, "");
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(frame, new JsonDocumentOptions { MaxDepth = FrameScanner.DepthMax });
        }
        catch (JsonException)
        {
            return (FrameFault.NotJson, 0, "");
        }
        using (document)
        {
            var members = document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.EnumerateObject().Select(m => (Name: NameOf(m), m.Value)).ToList() : [];
            if (!members.Exists(m => m.Name == "ts")) return (FrameFault.NoTimestamp, 0, "");
            var ts = members.Find(m => m.Name == "ts").Value;
            var text = ts.ValueKind == JsonValueKind.Number ? ts.GetRawText() : TextOf(ts);
            if (text is null || !Number().IsMatch(text)) return (FrameFault.TimestampIsNoNumber, 0, "");
            if (!decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || number is < 0 or > FrameScanner.LastSecond)
                return (FrameFault.TimestampOutOfRange, 0, "");
            if (!members.Exists(m => m.Name == "uid")) return (FrameFault.NoUser, 0, "");
            return TextOf(members.Find(m => m.Name == "uid").Value) is { Length: > 0 } uid ? (FrameFault.None, (long)Math.Floor(number), uid) : (FrameFault.UserIsNoText, 0, "");
        }
    }

    private static string? NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string? TextOf(JsonElement element)
    {
        try
        {
            return element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z")]
    private static partial Regex Number();
}
