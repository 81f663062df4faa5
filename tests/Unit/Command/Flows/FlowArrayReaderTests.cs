using System.Buffers;
using System.Text;
using System.Text.Json;
using Tally.CommandService.Flows;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Command.Flows;

public sealed class FlowArrayReaderTests
{
    private const string Good = """{"src_app":"foo","dest_app":"bar","vpc_id":"vpc-0","bytes_tx":100,"bytes_rx":300,"hour":1}""";

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Test]
    public void Any_array_is_written_as_the_generated_class_would_write_it_however_the_body_comes_in([Range(1, 60)] int seed)
    {
        var random = new Random(seed);
        var flows = Enumerable.Range(0, random.Next(0, 30)).Select(_ => Draw(random)).ToArray();
        var body = Encoding.UTF8.GetBytes($"{Space(random)}[{string.Join(",", flows.Select(f => Json(f, random)))}]{Space(random)}");
        var reader = new FlowArrayReader(100);

        Assert.That(ReadInParts(reader, body, () => random.Next(1, 40)), Is.Null, $"seed {seed}");
        Assert.That(FlowArray.Parser.ParseFrom(reader.Written.Span), Is.EqualTo(new FlowArray { Flows = { flows } }), $"seed {seed}");
    }

    [TestCase("bytes_tx", "-1")]
    [TestCase("bytes_tx", "9223372036854775808")]
    [TestCase("bytes_tx", "1.0")]
    [TestCase("bytes_tx", "1e3")]
    [TestCase("bytes_tx", "\"1\"")]
    [TestCase("bytes_rx", "null")]
    [TestCase("bytes_rx", "true")]
    [TestCase("bytes_rx", "[1]")]
    [TestCase("bytes_rx", "-0")]
    [TestCase("hour", "{}")]
    [TestCase("hour", "-1")]
    [TestCase("hour", "\"1\"")]
    [TestCase("hour", "0.5")]
    [TestCase("hour", "99999999999999999999")]
    [TestCase("src_app", "null")]
    [TestCase("src_app", "1")]
    [TestCase("src_app", "\"\"")]
    [TestCase("dest_app", "\"a\\u0000b\"")]
    [TestCase("dest_app", "\"a\\tb\"")]
    [TestCase("dest_app", "\"\\ud800\"")]
    [TestCase("vpc_id", "\"a\\u0085b\"")]
    [TestCase("vpc_id", "[]")]
    public void A_bad_value_is_refused_by_index_and_field(string field, string value)
    {
        var bad = JsonDocument.Parse(Good).RootElement.EnumerateObject()
            .Select(p => $"\"{p.Name}\":{(p.Name == field ? value : p.Value.GetRawText())}");
        var fault = Read($"[{Good},{Good},{{{string.Join(",", bad)}}},{Good}]");

        Assert.That((fault?.Status, fault?.Index, fault?.Field), Is.EqualTo((400, 2, field)));
    }

    [Test]
    public void The_greatest_numbers_and_the_longest_names_are_taken()
    {
        var name = new string('x', FlowNames.BytesMax);
        var reader = new FlowArrayReader(1);
        var fault = Read(Good.Replace("foo", name, StringComparison.Ordinal).Replace("300", "9223372036854775807", StringComparison.Ordinal), reader);

        Assert.That(fault, Is.Null);
        var flow = FlowArray.Parser.ParseFrom(reader.Written.Span).Flows.Single();
        Assert.That((flow.SrcApp, flow.BytesRx), Is.EqualTo((name, long.MaxValue)));
    }

    [Test]
    public void A_name_of_257_bytes_is_refused_however_it_is_written()
    {
        Assert.Multiple(() =>
        {
            foreach (var name in (string[])[new string('x', 257), new string('ü', 129), string.Concat(Enumerable.Repeat("\\u0041", 257)), new string('x', 100_000)])
                Assert.That(Read($"[{Good.Replace("bar", name, StringComparison.Ordinal)}]")?.Field, Is.EqualTo("dest_app"), name[..20]);
        });
    }

    [TestCase("src_app")]
    [TestCase("dest_app")]
    [TestCase("vpc_id")]
    [TestCase("bytes_tx")]
    [TestCase("bytes_rx")]
    [TestCase("hour")]
    public void A_missing_or_doubled_field_is_refused_by_name(string field)
    {
        var fields = JsonDocument.Parse(Good).RootElement.EnumerateObject().Select(p => (p.Name, Text: $"\"{p.Name}\":{p.Value.GetRawText()}")).ToList();
        var missing = string.Join(",", fields.Where(f => f.Name != field).Select(f => f.Text));
        var doubled = string.Join(",", fields.Append(fields.Single(f => f.Name == field)).Select(f => f.Text));

        Assert.Multiple(() =>
        {
            Assert.That(Read($"[{{{missing}}}]"), Is.EqualTo(FlowFault.Element(0, field, $"{field} is missing.")));
            Assert.That(Read($"[{{{doubled}}}]"), Is.EqualTo(FlowFault.Element(0, field, $"{field} is given more than once.")));
        });
    }

    [TestCase("\"colour\":1", "colour")]
    [TestCase("\"Hour\":1", "Hour")]
    [TestCase("\"<script>\":1", null)]
    [TestCase("\"\\ud800\":1", null)]
    public void An_unknown_field_is_refused_and_named_only_when_its_name_is_plain(string field, string? named) =>
        Assert.That(Read($"[{Good[..^1]},{field}}}]") is { Status: 400, Index: 0 } fault ? fault.Field : "taken", Is.EqualTo(named));

    [TestCase("")]
    [TestCase(" ")]
    [TestCase("{}")]
    [TestCase("1")]
    [TestCase("null")]
    [TestCase("[]]")]
    [TestCase("[] []")]
    [TestCase("[1]")]
    [TestCase("[[]]")]
    [TestCase("[null]")]
    [TestCase("[{}]")]
    [TestCase("[,]")]
    [TestCase("[")]
    [TestCase("[{\"src_app\":")]
    [TestCase("[/* */]")]
    [TestCase("\u00ef")]
    public void What_is_no_array_of_objects_is_refused(string body) => Assert.That(Read(body)?.Status, Is.EqualTo(400));

    [Test]
    public void A_trailing_comma_or_a_body_cut_off_anywhere_is_refused()
    {
        var body = $"[{Good},{Good}]";
        Assert.Multiple(() =>
        {
            Assert.That(Read($"[{Good},]")?.Status, Is.EqualTo(400));
            for (var length = 0; length < body.Length; length++) Assert.That(Read(body[..length])?.Status, Is.EqualTo(400), $"{length}");
        });
    }

    [Test]
    public void One_element_more_than_allowed_is_413()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Read($"[{Good},{Good}]", new FlowArrayReader(2)), Is.Null);
            Assert.That(Read($"[{Good},{Good},{Good}]", new FlowArrayReader(2))?.Status, Is.EqualTo(413));
        });
    }

    private static FlowFault? Read(string body, FlowArrayReader? reader = null) =>
        ReadInParts(reader ?? new FlowArrayReader(100), Encoding.UTF8.GetBytes(body.StartsWith('{') && reader is not null ? $"[{body}]" : body), () => int.MaxValue);

    /// <summary>As a connection gives it: what was not consumed comes again, with more behind it.</summary>
    private static FlowFault? ReadInParts(FlowArrayReader reader, byte[] body, Func<int> step)
    {
        for (int from = 0, to = 0; ;)
        {
            to = (int)Math.Min(body.Length, (long)to + step());
            var part = new ReadOnlySequence<byte>(body.AsMemory(from, to - from));
            var isLast = to == body.Length;
            if (reader.Read(part, isLast, out var consumed) is { } fault) return fault;
            if (isLast) return null;
            from += (int)part.Slice(0, consumed).Length;
        }
    }

    private static Flow Draw(Random random) => new()
    {
        SrcApp = Name(random),
        DestApp = Name(random),
        VpcId = Name(random),
        BytesTx = random.NextInt64(),
        BytesRx = random.Next(3),
        Hour = random.Next(3) == 0 ? long.MaxValue : random.Next(1000),
    };

    private static string Name(Random random) => random.Next(6) switch
    {
        0 => "日本",
        1 => "a\"b\\c/d",
        2 => "😀",
        3 => new string('é', 128),
        _ => $"app-{random.Next(100)}",
    };

    private static string Json(Flow flow, Random random)
    {
        (string, string)[] fields =
        [
            ("src_app", Text(flow.SrcApp, random)), ("dest_app", Text(flow.DestApp, random)), ("vpc_id", Text(flow.VpcId, random)),
            ("bytes_tx", $"{flow.BytesTx}"), ("bytes_rx", $"{flow.BytesRx}"), ("hour", $"{flow.Hour}"),
        ];
        random.Shuffle(fields);
        return $"{{{string.Join(",", fields.Select(f => $"{Space(random)}{Text(f.Item1, random)}{Space(random)}:{f.Item2}"))}}}";
    }

    /// <summary>As it is, or with every letter escaped.</summary>
    private static string Text(string text, Random random) => random.Next(2) == 0
        ? JsonSerializer.Serialize(text, Relaxed)
        : $"\"{string.Concat(text.Select(c => $"\\u{(int)c:x4}"))}\"";

    private static string Space(Random random) => random.Next(4) == 0 ? "\r\n\t " : "";
}
