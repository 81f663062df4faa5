using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Tally.ProcessorService.Jobs.Frames;
using Tally.ProcessorService.Jobs.Frames.StandardInput;
using Tally.Shared.Contracts;
using Tally.Tests.Unit.House;

namespace Tally.Tests.Unit.Frames;

public sealed class StandardInputTests
{
    private static readonly string Sample = Path.Combine(SourceTree.Root, "..", "shared", "data", "frames-sample.jsonl.gz");

    [Test]
    public async Task Six_thousand_real_frames_count_as_an_independent_program_counted_them([Values] bool validateTail, [Values] bool windowsLineEnds)
    {
        if (!File.Exists(Sample)) Assert.Ignore("../shared/data/frames-sample.jsonl.gz is not there: the real frames cannot be compared");
        using var expected = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Path.GetDirectoryName(Sample)!, "frames-sample.expected.json")));
        await using var zipped = new GZipStream(File.OpenRead(Sample), CompressionMode.Decompress);
        using var text = new StreamReader(zipped);
        var frames = await text.ReadToEndAsync();

        var (results, summary) = await RunAsync(windowsLineEnds ? frames.ReplaceLineEndings("\r\n") : frames, validateTail);

        var minutes = expected.RootElement.GetProperty("minutes").EnumerateObject().ToDictionary(m => long.Parse(m.Name, null), m => m.Value.GetInt64());
        Assert.Multiple(() =>
        {
            Assert.That(results.Where(r => r.Key.Kind == "minute").ToDictionary(r => r.Key.Start, r => r.Value.GetProperty("unique_users").GetInt64()), Is.EquivalentTo(minutes));
            foreach (var kind in new[] { "day", "week", "month", "year" })
                Assert.That(results.Single(r => r.Key.Kind == kind).Value.GetProperty("unique_users").GetInt64(), Is.EqualTo(expected.RootElement.GetProperty("unique_users").GetInt64()), kind);
            Assert.That(results.Values.Select(r => r.GetProperty("state").GetString()), Has.None.EqualTo("early"));
            Assert.That((summary.GetProperty("frames").GetInt64(), summary.GetProperty("counted").GetInt64()), Is.EqualTo((6_000, 6_000)));
            Assert.That(results.Where(r => r.Key.Kind == "minute").Sum(r => r.Value.GetProperty("frames").GetInt64()), Is.EqualTo(6_000));
        });
        TestContext.Out.WriteLine(summary);
    }

    [Test]
    public async Task The_closing_line_tells_late_frames_and_why_others_were_not_counted()
    {
        var lines = new StringBuilder();
        for (var i = 0; i < 600; i++) lines.Append($$"""{"ts":{{1_600_000_000 + i}},"uid":"u{{i % 7}}"}""").Append('\n');
        lines.Append("""{"ts":1600000001,"uid":"late"}""").Append('\n').Append("no json\n\n").Append("""{"uid":"x"}""").Append('\n').Append("""{"ts":1}""").Append('\n');
        lines.Append("""{"ts":1700000000,"uid":"wild"}""");

        var (results, summary) = await RunAsync(lines.ToString(), validateTail: true);

        Assert.Multiple(() =>
        {
            Assert.That(results[("minute", 1_599_999_960)].GetRawText(),
                Is.EqualTo("""{"window":"minute","start":1599999960,"end":1600000020,"unique_users":8,"frames":21,"state":"corrected","standard_error":0}"""));
            Assert.That(summary.GetRawText(), Does.StartWith(
                """{"frames":605,"counted":601,"late":1,"error_rate":0.001652893,"late_by_window":{"minute":1,"day":0,"week":0,"month":0,"year":0},"""));
            Assert.That(summary.GetProperty("dead_lettered").GetRawText(), Is.EqualTo("""{"no-ts":1,"no-uid":1,"not-json":1,"wild-timestamp":1}"""));
        });
    }

    /// <returns>The last result of each window, and the closing line.</returns>
    private static async Task<(Dictionary<(string Kind, long Start), JsonElement> Results, JsonElement Summary)> RunAsync(string frames, bool validateTail)
    {
        using var tally = new FrameTally(new FrameRules(), new FrameScanner(validateTail), new UserHasher(new byte[32]), new MemoryWindowFiles());
        using var output = new MemoryStream();
        await FramesStdinCommand.RunAsync(tally, new MemoryStream(Encoding.UTF8.GetBytes(frames)), output, TimeProvider.System);
        var lines = Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var results = new Dictionary<(string, long), JsonElement>();
        foreach (var line in lines.SkipLast(1)) results[(line.GetProperty("window").GetString()!, line.GetProperty("start").GetInt64())] = line;
        return (results, lines[^1]);
    }
}
