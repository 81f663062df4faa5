using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd.Frames;

/// <summary>Frames from the topic to both calls: real ones, made ones with every nastiness, processes killed with -9.</summary>
public sealed class FramesTests
{
    private static readonly string Data = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "..", "..", "shared", "data"));

    private Pipeline _pipeline = null!;
    private long _sent;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        _pipeline = await Pipeline.StartAsync();
    }

    [OneTimeTearDown]
    public Task StopAsync() => Pipeline.StopAsync(_pipeline);

    [Test, Order(1)]
    public async Task Six_thousand_real_frames_in_random_partitions_read_as_an_independent_program_counted_them()
    {
        var sample = Path.Combine(Data, "frames-sample.jsonl.gz");
        if (!File.Exists(sample)) Assert.Ignore("../shared/data/frames-sample.jsonl.gz is not there: the real frames cannot be compared");
        await using var zipped = new GZipStream(File.OpenRead(sample), CompressionMode.Decompress);
        using var text = new StreamReader(zipped);
        Send((await text.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Encoding.UTF8.GetBytes));
        using var expected = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Data, "frames-sample.expected.json")));
        await CountedAsync();

        var minutes = expected.RootElement.GetProperty("minutes").EnumerateObject().Select(m => (long.Parse(m.Name, null), m.Value.GetInt64())).Order();
        Assert.That((await ReadAsync("minute")).Select(w => (w.Window.Start, w.Window.UniqueUsers)), Is.EqualTo(minutes));
        foreach (var kind in FrameOracle.Kinds[1..])
            Assert.That((await ReadAsync(kind)).Single().Window.UniqueUsers, Is.EqualTo(expected.RootElement.GetProperty("unique_users").GetInt64()), kind);
    }

    [Test, Order(2)]
    public async Task Nasty_frames_read_as_a_plain_recount_though_processor_and_materializer_are_killed()
    {
        const int Seed = 7;
        var before = (await StatsAsync()).RootElement.GetProperty("counted").GetInt64();
        var frames = new NastyFrames(Seed).Make(12_000, 400);
        Send(frames[..4_000].Select(f => f.Value));
        await Task.Delay(300);
        await _pipeline.Processor.KillAsync();
        _pipeline.Processor.Start();
        Send(frames[4_000..8_000].Select(f => f.Value));
        await CountedAsync();
        await _pipeline.Materializer.KillAsync();
        Send(frames[8_000..].Select(f => f.Value));
        await _pipeline.Processor.KillAsync();
        _pipeline.Processor.Start();
        _pipeline.Materializer.Start();
        await CountedAsync();

        var from = new DateTimeOffset(2024, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();
        foreach (var kind in FrameOracle.Kinds)
            Assert.That((await ReadAsync(kind, from)).Select(w => w.Window),
                Is.EqualTo(FrameOracle.Count(kind, frames.Where(f => f.Fate is null).Select(f => (f.Seconds, f.User)))), $"{kind}, seed {Seed}");
        using var stats = await StatsAsync();
        var root = stats.RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(root.GetProperty("dead_lettered").EnumerateObject().ToDictionary(r => r.Name, r => r.Value.GetInt64()),
                Is.EquivalentTo(frames.Where(f => f.Fate is not null).GroupBy(f => f.Fate!).ToDictionary(g => g.Key, g => (long)g.Count())));
            Assert.That(root.GetProperty("counted").GetInt64() + root.GetProperty("corrected").GetInt64() - before, Is.GreaterThanOrEqualTo(12_000));
            Assert.That(root.GetProperty("late").GetInt64(), Is.EqualTo(root.GetProperty("corrected").GetInt64()).And.Positive);
            Assert.That(root.GetProperty("error_rate").GetDouble(), Is.EqualTo((double)root.GetProperty("late").GetInt64() / _sent).Within(1e-8));
            Assert.That(root.GetProperty("windows").GetProperty("minute").GetProperty("late").GetInt64(), Is.Positive);
        });
    }

    [Test, Order(3)]
    public async Task A_minute_is_early_while_it_grows_and_final_when_nothing_more_comes()
    {
        // The last seconds of the minute before, as by the frames' clock: its end is near.
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 60 * 60 - 4;
        Send(Enumerable.Range(0, 400).Select(i => Encoding.UTF8.GetBytes($$"""{"uid":"live-{{i % 30}}","ts":{{now}}}""")));
        var states = new List<string>();
        await Eventually.HoldsAsync("the minute of now is early, then final", TimeSpan.FromSeconds(90), async () =>
        {
            if ((await ReadAsync("minute", now - (now % 60))).SingleOrDefault() is not { State: not null } window) return false;
            Assert.That((window.Window.UniqueUsers, window.Window.Frames), Is.EqualTo((30, 400)));
            if (states.LastOrDefault() != window.State) states.Add(window.State);
            return window.State == "final";
        });
        Assert.That(states, Is.EqualTo(new[] { "early", "final" }));
    }

    [Test, Order(4)]
    public async Task Ranges_are_half_open_and_wrong_ones_are_refused()
    {
        var all = await ReadAsync("minute");
        var (second, fourth) = (all[1].Window.Start, all[3].Window.Start);
        Assert.That(await ReadAsync("minute", second, fourth), Is.EqualTo(all[1..3]));
        Assert.That(await ReadAsync("minute", 1, 2), Is.Empty);
        foreach (var query in (string[])["", "?window=hour", "?window=minute&from=x", "?window=minute&to=-1", "?window=minute&from=5&to=4", "?window=day&window=day", "?window=day&x=1"])
        {
            using var answer = await _pipeline.Http.GetAsync(_pipeline.QueryAt($"/frames{query}"));
            Assert.That((answer.StatusCode, answer.Content.Headers.ContentType?.MediaType), Is.EqualTo((HttpStatusCode.BadRequest, "application/problem+json")), query);
        }
        using var post = await _pipeline.Http.PostAsync(_pipeline.QueryAt("/frames?window=day"), null);
        Assert.That(post.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
    }

    [Test, Order(5)]
    public async Task The_accounting_names_every_frame_once()
    {
        var json = await _pipeline.Http.GetStringAsync(_pipeline.QueryAt("/accounting"));
        var job = JsonDocument.Parse(json).RootElement.GetProperty("jobs").EnumerateArray().Single(j => j.GetProperty("job").GetString() == "frames");
        Assert.That(job.GetProperty("outcomes").GetProperty("read").GetInt64(), Is.EqualTo(_sent), json);
    }

    [Test, Order(6)]
    public async Task Results_are_shown_as_they_arrive_and_if_asked_for_those_before_them()
    {
        await using var arriving = Tool("frames-watch");
        await using var all = Tool("frames-watch", "--all");
        arriving.Start();
        all.Start();
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var user = 0;
        await Eventually.HoldsAsync("both show the minute of now", () =>
        {
            Send([Encoding.UTF8.GetBytes($$"""{"uid":"watched-{{user++}}","ts":{{now}}}""")]);
            return Task.FromResult(Shown(arriving).Any(IsMinuteOfNow) && Shown(all).Any(IsMinuteOfNow));
        });
        await CountedAsync();
        Assert.Multiple(() =>
        {
            Assert.That(Shown(arriving), Has.All.Matches<JsonElement>(HoldsNow), arriving.Log);
            Assert.That(Shown(all), Has.Some.Matches<JsonElement>(result => !HoldsNow(result)), all.Log);
            Assert.That(Shown(arriving).Last(IsMinuteOfNow).GetProperty("unique_users").GetInt64(), Is.Positive.And.LessThanOrEqualTo(user));
        });

        bool HoldsNow(JsonElement result) => result.GetProperty("start").GetInt64() <= now && now < result.GetProperty("end").GetInt64();
        bool IsMinuteOfNow(JsonElement result) => HoldsNow(result) && result.GetProperty("window").GetString() == "minute";
    }

    [Test, Order(7)]
    public async Task A_reset_from_a_moment_counts_what_came_since_then_and_nothing_before()
    {
        await CountedAsync();
        // A record's time has milliseconds, the moment is a whole second.
        var from = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 1;
        await Eventually.HoldsAsync("the second has begun", () => Task.FromResult(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() >= from));
        _sent = 0;
        Send(Enumerable.Range(0, 500).Select(i => Encoding.UTF8.GetBytes($$"""{"uid":"again-{{i % 20}}","ts":{{from}}}""")));
        Assert.That(await _pipeline.Processor.StopAsync(TimeSpan.FromSeconds(20)), Is.Zero, () => _pipeline.Processor.Log);
        await using var reset = Tool("frames-reset", "--from", from.ToString(CultureInfo.InvariantCulture));
        reset.Start();
        Assert.That(await reset.ExitedAsync(Eventually.Patience), Is.Zero, () => reset.Log);
        var generation = reset.Log.Split('\n').Single(line => line.Length > 0 && line.All(char.IsAsciiDigit));

        await using var processor = _pipeline.Processor.With(new Dictionary<string, string> { ["Frames__Generation"] = generation });
        processor.Start();
        await CountedAsync();
        foreach (var kind in FrameOracle.Kinds)
            Assert.That((await ReadAsync(kind)).Select(w => (w.Window.UniqueUsers, w.Window.Frames)), Is.EqualTo(new[] { (20L, 500L) }), () => $"{kind}, {processor.Log}");
    }

    /// <summary>A verb of the processor's program, with the processor's settings; not started.</summary>
    private ServiceProcess Tool(params string[] arguments) => _pipeline.Processor.With(new Dictionary<string, string>(), arguments);

    /// <summary>Results that were printed.</summary>
    private static List<JsonElement> Shown(ServiceProcess tool) =>
        [.. tool.Log.Split('\n').Where(line => line.StartsWith('{')).Select(line => JsonDocument.Parse(line).RootElement)];

    /// <summary>Without keys, into partitions drawn by lot.</summary>
    private void Send(IEnumerable<byte[]> values)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _pipeline.Bootstrap, LingerMs = 5 }).Build();
        var random = new Random(3);
        foreach (var value in values)
        {
            producer.Produce(new TopicPartition("frames", random.Next(8)), new Message<Null, byte[]> { Value = value });
            _sent++;
        }
        Assert.That(producer.Flush(TimeSpan.FromSeconds(30)), Is.Zero);
    }

    /// <summary>Waits until every frame that was sent has come to its end.</summary>
    private Task CountedAsync()
    {
        var read = 0L;
        return Eventually.HoldsAsync($"{_sent} frames are counted", async () =>
        {
            using var stats = await StatsAsync();
            return (read = stats.RootElement.GetProperty("frames").GetInt64()) == _sent;
        });
    }

    private async Task<JsonDocument> StatsAsync() => JsonDocument.Parse(await _pipeline.Http.GetStringAsync(_pipeline.QueryAt("/frames/stats")));

    private async Task<List<(CountedWindow Window, string State)>> ReadAsync(string kind, long from = 0, long to = long.MaxValue)
    {
        using var json = JsonDocument.Parse(await _pipeline.Http.GetStringAsync(_pipeline.QueryAt($"/frames?window={kind}&from={from}&to={to}")));
        return [.. json.RootElement.EnumerateArray().Select(w =>
        {
            Assert.That((w.GetProperty("window").GetString(), w.GetProperty("standard_error").GetDouble()), Is.EqualTo((kind, 0.0)));
            return (new CountedWindow(w.GetProperty("start").GetInt64(), w.GetProperty("end").GetInt64(), w.GetProperty("unique_users").GetInt64(), w.GetProperty("frames").GetInt64()),
                w.GetProperty("state").GetString()!);
        })];
    }
}
