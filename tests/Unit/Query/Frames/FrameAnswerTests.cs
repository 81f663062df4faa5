using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Tally.ProcessorService.Jobs.Frames;
using Tally.QueryService.Frames;
using Tally.Shared.Contracts;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query.Frames;

public sealed class FrameAnswerTests
{
    [TestCase("?window=minute", "minute", 0, long.MaxValue)]
    [TestCase("window=day&from=5&to=5", "day", 5, 5)]
    [TestCase("?to=9&window=week", "week", 0, 9)]
    [TestCase("?%77indow=month&from=%31", "month", 1, long.MaxValue)]
    [TestCase("?window=year&from=0&to=9223372036854775807", "year", 0, long.MaxValue)]
    public void A_range_is_read(string query, string kind, long from, long to)
    {
        Assert.That(FrameQuery.TryParse(query, out var asked, out _));
        Assert.That(asked, Is.EqualTo(new FrameQuery(kind, from, to)));
    }

    [TestCase(null, "window")]
    [TestCase("?window=", "window")]
    [TestCase("?window=Minute", "window")]
    [TestCase("?window=hour", "window")]
    [TestCase("?window=day&window=day", "window")]
    [TestCase("?window=day&from=", "from")]
    [TestCase("?window=day&from=-1", "from")]
    [TestCase("?window=day&from=+1", "from")]
    [TestCase("?window=day&from=1.0", "from")]
    [TestCase("?window=day&to=9223372036854775808", "to")]
    [TestCase("?window=day&from=2&to=1", "to")]
    [TestCase("?window=day&kind=day", "kind")]
    public void Anything_else_is_refused_by_its_field(string? query, string field)
    {
        Assert.That(FrameQuery.TryParse(query, out _, out var problem), Is.False);
        Assert.That((problem!.Status, problem.Field), Is.EqualTo((400, field)));
    }

    [Test]
    public async Task A_window_reads_as_it_stands_on_the_topic([Values] ResultState state, [Values(0, 0.008125)] double error)
    {
        var result = new WindowResult(Window.Of(WindowKind.Week, 1_700_000_000), 7, 9, state, error);
        var pipe = new Pipe();
        using (var json = new FrameJson(pipe.Writer))
        {
            json.Begin();
            json.Add(result.ToRecord(1, 1));
            json.Add(result.ToRecord(1, 1));
            await json.EndAsync(default);
        }
        await pipe.Writer.CompleteAsync();
        using var body = new StreamReader(pipe.Reader.AsStream());
        var once = Encoding.ASCII.GetString(result.ToJson());

        Assert.That(await body.ReadToEndAsync(), Is.EqualTo($"[{once},{once}]\n"));
    }

    [Test]
    public async Task Any_page_size_reads_the_same_windows_and_an_old_answer_says_how_old([Values(1, 2, 5, 2000)] int rows)
    {
        await using var service = await QueryServiceOverHttp.StartAsync($"--Query:FramePageRows={rows}");
        using var answer = await service.Http.GetAsync("/frames?window=minute&from=1468244400&to=1468244580");
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());

        Assert.Multiple(() =>
        {
            Assert.That(json.RootElement.EnumerateArray().Select(w => w.GetProperty("start").GetInt64()), Is.EqualTo(new[] { 1_468_244_400, 1_468_244_460, 1_468_244_520 }));
            Assert.That(long.Parse(answer.Headers.GetValues("Tally-Stale").Single(), null), Is.Positive);
        });
    }

    [Test]
    public void The_stats_add_the_partitions_up_and_divide_by_all_frames_read()
    {
        var totals = new FrameTotals([Record(0, late: 3, results: 0), Record(1, late: 1, results: 12)]);
        using var stats = JsonDocument.Parse(FrameStats.Write(totals, (2.5, 1), nowMs: 5_000));

        Assert.That(stats.RootElement.GetRawText(), Is.EqualTo(
            """{"since":"1970-01-01T00:00:01Z","frames":40,"counted":20,"corrected":8,"dead_lettered":{"no-ts":10,"wild-timestamp":2},"late":4,"error_rate":0.1"""
            + ""","windows":{"minute":{"late":4,"error_rate":0.1}},"results":12,"frames_per_second":2.5,"results_per_second":1,"oldest_not_visible_ms":2000}"""));
    }

    [Test]
    public void Rates_are_those_of_the_last_ten_seconds_and_begin_anew_with_a_generation()
    {
        var clock = new ManualTimeProvider(DateTimeOffset.UnixEpoch);
        using var rates = new FrameRates(null!, clock);
        var before = rates.Now;
        for (var second = 0; second <= 30; second++)
        {
            rates.Note(new FrameTotals([Record(0, late: 0, results: 3 * second, counted: (second * second) + 10), Record(1, late: 0, results: 0)]));
            if (second < 30) clock.Advance(TimeSpan.FromSeconds(1));
        }
        var after = rates.Now;
        rates.Note(new FrameTotals([Record(0, late: 0, results: 0, generation: 2), Record(1, late: 0, results: 0, generation: 2)]));

        // (30² - 20²) / 10
        Assert.That((before, after, rates.Now), Is.EqualTo(((0.0, 0.0), (50.0, 3.0), (0.0, 0.0))));
    }

    private static Progress Record(int partition, long late, long results, long counted = 10, int generation = 1) => new()
    {
        Generation = generation,
        Partition = partition,
        PartitionCount = 2,
        AsOfMs = 3_000 + partition,
        SinceMs = 1_000 + partition,
        Outcomes = new Outcomes { Counted = counted, Corrected = 4, DeadLettered = { ["no-ts"] = 5, ["wild-timestamp"] = 1 } },
        Counters = { ["late"] = late, ["late_minute"] = late, ["results"] = results },
    };
}
