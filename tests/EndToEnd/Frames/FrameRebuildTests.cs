using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd.Frames;

/// <summary>The frames counted anew beside the running generation, and the switch to it.</summary>
public sealed class FrameRebuildTests
{
    private const long Day = 86_400;

    // Mondays to Wednesday of the week after: of the first two days frames are gone or may be, the third can be counted anew.
    private static readonly long Gone = new DateTimeOffset(2024, 6, 3, 10, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();
    private static readonly long Kept = Gone + (4 * Day);
    private static readonly long Anew = Gone + (9 * Day);
    private static readonly long Later = Gone + (10 * Day);

    private readonly List<(long Seconds, string User)> _sent = [];
    private readonly Dictionary<long, int> _spoilt = [];
    private Random _random = new(0);
    private Pipeline _pipeline = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        var seed = Environment.TickCount;
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        _random = new Random(seed);
        _pipeline = await Pipeline.StartAsync(new Dictionary<string, string> { ["Kafka__Partitions"] = "3", ["Kafka__EventRetention"] = "3650.00:00:00", ["Processor__SessionTimeout"] = "00:00:02" });
    }

    [OneTimeTearDown]
    public Task StopAsync() => Pipeline.StopAsync(_pipeline);

    [Test]
    public async Task Windows_that_the_topic_still_holds_are_counted_anew_others_keep_their_numbers_and_readers_see_one_or_the_other()
    {
        await MakeHistoryAsync();
        using var done = new CancellationTokenSource();
        var reader = Task.Run(() => WatchAsync(done.Token));
        await RebuildAsync();

        await _pipeline.Processor.StopAsync(Eventually.Patience);
        await _pipeline.Materializer.StopAsync(Eventually.Patience);
        await using var processor = _pipeline.Processor.With(new Dictionary<string, string> { ["Frames__Generation"] = "2", ["Frames__TopicGeneration"] = "2" });
        await using var materializer = _pipeline.Materializer.With(new Dictionary<string, string> { ["Materializer__FramesGeneration"] = "2" });
        processor.Start();
        materializer.Start();
        _spoilt.Remove(StartOfDay(Anew));
        await CountedAsync();
        Send(Later, 60);
        Send(Kept, 10);
        await CountedAsync();
        await done.CancelAsync();
        await reader;

        // A reset after it goes on in the same topics, and is read from its first record on.
        await processor.StopAsync(Eventually.Patience);
        await using var reset = _pipeline.Processor.With(new Dictionary<string, string> { ["Frames__TopicGeneration"] = "2" }, "frames-reset");
        reset.Start();
        Assert.That(await reset.ExitedAsync(Eventually.Patience), Is.Zero, () => reset.Log);
        Assert.That(reset.Log.Split('\n'), Does.Contain("3"));
    }

    private async Task MakeHistoryAsync()
    {
        Send(Gone, 120);
        await CountedAsync();
        await Flows.FlowTampering.RemoveAsync(_pipeline.Bootstrap, "frames", partition: 1);
        Send(Kept, 120);
        Send(Anew, 120);
        await CountedAsync();
        await _pipeline.Processor.StopAsync(Eventually.Patience);
        foreach (var time in (long[])[Kept, Anew]) _spoilt[StartOfDay(time)] = FrameTampering.TooMany;
        FrameTampering.Spoil(_pipeline.Bootstrap, [.. _spoilt.Keys]);
        _pipeline.Processor.Start();
        // So that the days are told again.
        Send(Anew, 30);
        Send(Kept, 30);
        await CountedAsync();
    }

    /// <summary>Killed in its middle, begun again, with frames coming all the while.</summary>
    private async Task RebuildAsync()
    {
        var settings = new Dictionary<string, string> { ["Http__Port"] = $"{FreePort.Next()}", ["Processor__Instance"] = "rebuild", ["Processor__SessionTimeout"] = "00:00:01.5" };
        await using (var dies = _pipeline.Processor.With(new Dictionary<string, string>(settings) { ["Processor__BacklogCommitRecords"] = "1" }, "rebuild", "--job", "frames"))
        {
            dies.Start();
            await Eventually.HoldsAsync("the rebuild counts", () => Task.FromResult(dies.Log.Contains("Counting partitions", StringComparison.Ordinal)));
            await dies.KillAsync();
            Assert.That(dies.Log, Does.Not.Contain("has passed generation"), "it was killed in its middle");
        }
        Send(Later, 60);
        await using var rebuild = _pipeline.Processor.With(settings, "rebuild", "--job", "frames");
        rebuild.Start();
        Send(Later, 60);
        Assert.That(await rebuild.ExitedAsync(Eventually.Patience), Is.Zero, () => rebuild.Log);
        Assert.That(rebuild.Log, Does.Contain("counts the windows that began at 2024-06-09T10:").And.Contains("Generation 2 has passed generation 1"));
        await CountedAsync();
    }

    /// <summary>Frames of some minutes, which come when they say; late ones come with the newest of them.</summary>
    private void Send(long time, int count)
    {
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _pipeline.Bootstrap, LingerMs = 5 }).Build();
        var arrives = _sent.Select(frame => frame.Seconds).Append(time).Max();
        for (var n = 0; n < count; n++)
        {
            var (seconds, user) = (time + _random.Next(180), $"user-{_random.Next(300)}");
            _sent.Add((seconds, user));
            producer.Produce(new TopicPartition("frames", n % 3), new Message<Null, byte[]>
            {
                Value = Encoding.UTF8.GetBytes($$"""{"ts":{{seconds}},"uid":"{{user}}"}"""),
                Timestamp = new Timestamp(Math.Max(seconds, arrives) * 1000, TimestampType.CreateTime),
            });
        }
        Assert.That(producer.Flush(TimeSpan.FromSeconds(30)), Is.Zero);
    }

    private async Task CountedAsync()
    {
        foreach (var kind in FrameOracle.Kinds)
        {
            var expected = FrameOracle.Count(kind, _sent).Select(w => kind == "day" ? w with { UniqueUsers = w.UniqueUsers + _spoilt.GetValueOrDefault(w.Start) } : w).ToList();
            List<CountedWindow>? last = null;
            await Eventually.HoldsAsync($"{kind}s are read as {string.Join(", ", expected.TakeLast(4))}",
                async () => (last = await ReadAsync(kind)) is not null && last.SequenceEqual(expected));
        }
    }

    /// <returns>Null when nobody answers.</returns>
    private async Task<List<CountedWindow>?> ReadAsync(string kind)
    {
        using var answer = await _pipeline.Http.GetAsync(_pipeline.QueryAt($"/frames?window={kind}&from=0&to={long.MaxValue}"));
        if (!answer.IsSuccessStatusCode) return null;
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return [.. json.RootElement.EnumerateArray().Select(w => new CountedWindow(
            w.GetProperty("start").GetInt64(), w.GetProperty("end").GetInt64(), w.GetProperty("unique_users").GetInt64(), w.GetProperty("frames").GetInt64()))];
    }

    private async Task WatchAsync(CancellationToken stop)
    {
        var last = new Dictionary<long, CountedWindow>();
        var (right, wasRight) = (FrameOracle.Count("day", _sent.ToArray()).Single(day => day.Start == StartOfDay(Anew)).UniqueUsers, false);
        while (!stop.IsCancellationRequested)
        {
            if (await ReadAsync("day") is not { } days) continue;
            Assert.That(days.Select(day => day.Start), Is.SupersetOf(last.Keys), "no day goes");
            foreach (var day in days)
            {
                var before = last.GetValueOrDefault(day.Start);
                Assert.That(day.Frames, Is.GreaterThanOrEqualTo(before?.Frames ?? 0), $"{day}");
                if (day.Start != StartOfDay(Anew))
                {
                    Assert.That(day.UniqueUsers, Is.GreaterThanOrEqualTo(before?.UniqueUsers ?? 0), $"{day}");
                    continue;
                }
                Assert.That(day.UniqueUsers, Is.EqualTo(right).Or.EqualTo(right + FrameTampering.TooMany), $"{day}");
                Assert.That(day.UniqueUsers == right || !wasRight, $"the generation before came back: {day}");
                wasRight |= day.UniqueUsers == right;
            }
            last = days.ToDictionary(day => day.Start);
        }
        Assert.That(wasRight, "the day that was counted wrongly is right now");
    }

    private static long StartOfDay(long seconds) => seconds / Day * Day;
}
