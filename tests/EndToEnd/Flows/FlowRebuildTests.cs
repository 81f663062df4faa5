using System.Collections.Concurrent;
using System.Text.Json;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd.Flows;

/// <summary>The flows counted anew beside the running generation, and the switch to it.</summary>
public sealed class FlowRebuildTests
{
    private const long Gone = 1, Mixed = 2, Anew = 3, Later = 4;
    private static readonly long[] Hours = [Gone, Mixed, Anew, Later];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly FlowOracle _oracle = new();
    private readonly ConcurrentQueue<(string Body, string Key)> _posted = new();
    private Random _random = new(0);
    private Pipeline _pipeline = null!;
    private FlowCalls _flows = null!;

    /// <summary>Sums of a version that counted too much in the hours <see cref="Mixed"/> and <see cref="Anew"/>.</summary>
    private IReadOnlyDictionary<(long Hour, string SrcApp), long> _spoilt = new Dictionary<(long, string), long>();

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        var seed = Environment.TickCount;
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        _random = new Random(seed);
        _pipeline = await Pipeline.StartAsync(new Dictionary<string, string> { ["Kafka__Partitions"] = "3" });
        _flows = new FlowCalls(_pipeline);
    }

    [OneTimeTearDown]
    public Task StopAsync() => Pipeline.StopAsync(_pipeline);

    [Test]
    public async Task Hours_that_the_topic_still_holds_are_counted_anew_others_keep_their_numbers_and_readers_see_one_or_the_other()
    {
        await MakeHistoryAsync();
        using var done = new CancellationTokenSource();
        var readers = Hours.Select(hour => Task.Run(() => WatchAsync(hour, done.Token))).ToArray();
        await RebuildAsync();

        await _pipeline.Processor.StopAsync(Patience);
        await _pipeline.Materializer.StopAsync(Patience);
        await using var processor = _pipeline.Processor.With(new Dictionary<string, string> { ["Flows__Generation"] = "2" });
        await using var materializer = _pipeline.Materializer.With(new Dictionary<string, string> { ["Materializer__FlowsGeneration"] = "2" });
        processor.Start();
        materializer.Start();
        await RetryAsync();
        await Eventually.HoldsAsync("readers use generation 2", async () => await GenerationAsync(_pipeline) == 2);
        _spoilt = _spoilt.Where(s => s.Key.Hour == Mixed).ToDictionary();
        await ReadsAsync(Hours);
        await RetryAsync();
        await PostAsync(40, Gone, Mixed, Anew, Later);
        await ReadsAsync(Hours);
        await done.CancelAsync();
        await Task.WhenAll(readers);
    }

    /// <summary>Arrays of two hours are no longer all there, and two hours are wrong: one hour is both.</summary>
    private async Task MakeHistoryAsync()
    {
        await PostAsync(60, Gone, Mixed);
        await ReadsAsync(Gone, Mixed);
        await FlowTampering.RemoveAsync(_pipeline.Bootstrap, "flows", partition: 1);
        await PostAsync(60, Mixed, Anew);
        await ReadsAsync(Mixed, Anew);
        await _pipeline.Processor.StopAsync(Patience);
        _spoilt = FlowTampering.Spoil(_pipeline.Bootstrap, [Mixed, Anew]);
        _pipeline.Processor.Start();
        // Every flow in every partition, so that each sum is written again.
        await SendAsync([.. Enumerable.Range(0, 40).Select(_ => Enumerable.Range(0, 6).SelectMany(flow => (FlowRow[])[Row(flow, Mixed), Row(flow, Anew)]).ToList())]);
        await PostAsync(100, Anew, Later);
        await ReadsAsync(Hours);
        await RetryAsync();
    }

    /// <summary>Killed in its middle, begun again, with arrays coming all the while.</summary>
    private async Task RebuildAsync()
    {
        var settings = new Dictionary<string, string>
        {
            ["Http__Port"] = $"{FreePort.Next()}",
            ["Processor__Instance"] = "rebuild",
            ["Processor__SessionTimeout"] = "00:00:01.5",
        };
        await using (var dies = _pipeline.Processor.With(new Dictionary<string, string>(settings) { ["Processor__BacklogCommitRecords"] = "1" }, "rebuild", "--job", "flows"))
        {
            dies.Start();
            await Eventually.HoldsAsync("the rebuild counts", () => Task.FromResult(dies.Log.Contains("Counting partitions", StringComparison.Ordinal)));
            await dies.KillAsync();
            Assert.That(dies.Log, Does.Not.Contain("has passed generation"), "it was killed in its middle");
        }
        await PostAsync(20, Gone, Mixed, Anew, Later);
        await using var rebuild = _pipeline.Processor.With(settings, "rebuild", "--job", "flows");
        rebuild.Start();
        await PostAsync(20, Gone, Mixed, Anew, Later);
        Assert.That(await rebuild.ExitedAsync(Patience), Is.Zero, () => rebuild.Log);
        Assert.That(rebuild.Log, Does.Contain("arrays of the hours 1-2 are no longer all in flows, so those keep their numbers").And.Contains("Generation 2 has passed generation 1"));
        await ReadsAsync(Hours);
    }

    private Task PostAsync(int count, params long[] hours) => SendAsync([.. Enumerable.Range(0, count).Select(_ =>
        Enumerable.Range(0, _random.Next(1, 6)).Select(_ => Row(_random.Next(6), hours[_random.Next(hours.Length)])).ToList())]);

    private FlowRow Row(int flow, long hour)
    {
        var bytes = _random.Next(1, 1000);
        return new FlowRow($"app-{flow}", "to", "vpc", bytes, 2 * bytes, hour);
    }

    private async Task SendAsync(IReadOnlyList<List<FlowRow>> arrays)
    {
        foreach (var array in arrays) _oracle.Count(array);
        var bodies = arrays.Select(array => (Body: FlowRow.Json(array), Key: $"{Guid.NewGuid()}")).ToList();
        foreach (var body in bodies) _posted.Enqueue(body);
        await Parallel.ForEachAsync(bodies, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (body, _) => await _flows.PostUntilAcceptedAsync(body.Body, body.Key));
    }

    /// <summary>All that was ever sent comes again.</summary>
    private Task RetryAsync() =>
        Parallel.ForEachAsync(_posted, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (body, _) => await _flows.PostUntilAcceptedAsync(body.Body, body.Key));

    private async Task ReadsAsync(params long[] hours)
    {
        foreach (var hour in hours)
            await _flows.ReadsAsync(hour, [.. _oracle.Hour(hour).Select(row => row with { BytesTx = row.BytesTx + (_spoilt.GetValueOrDefault((hour, row.SrcApp)) * FlowTampering.TooMuch) })]);
    }

    private async Task WatchAsync(long hour, CancellationToken stop)
    {
        var (spoilt, last, wasRight) = (_spoilt, new Dictionary<string, long>(), false);
        while (!stop.IsCancellationRequested)
        {
            if (await _flows.ReadAsync(hour) is not { } rows)
            {
                await Task.Delay(20, CancellationToken.None);
                continue;
            }
            // What was received is always right, twice what was sent: so the answer tells which generation it is of.
            var right = rows.TrueForAll(row => row.BytesRx == 2 * row.BytesTx);
            var wrong = rows.TrueForAll(row => row.BytesTx - (row.BytesRx / 2) == spoilt.GetValueOrDefault((hour, row.SrcApp)) * FlowTampering.TooMuch);
            Assert.That(right || wrong, $"an answer of both: {FlowRow.Json(rows)}");
            Assert.That(right || !wasRight, $"the generation before came back: {FlowRow.Json(rows)}");
            wasRight |= right && !wrong;
            foreach (var row in rows)
            {
                Assert.That(row.BytesRx, Is.GreaterThanOrEqualTo(last.GetValueOrDefault(row.SrcApp)), $"hour {hour}");
                last[row.SrcApp] = row.BytesRx;
            }
        }
        Assert.That(wasRight, Is.EqualTo(hour == Anew), $"hour {hour}");
    }

    private static async Task<int> GenerationAsync(Pipeline pipeline)
    {
        using var accounting = JsonDocument.Parse(await pipeline.Http.GetStringAsync(pipeline.QueryAt("/accounting")));
        var job = accounting.RootElement.GetProperty("jobs").EnumerateArray().Single(j => j.GetProperty("job").GetString() == "flows");
        return job.GetProperty("sources").EnumerateArray().Min(source => source.TryGetProperty("partitions", out var partitions)
            ? partitions.EnumerateArray().Min(p => p.GetProperty("generation").GetInt32()) : 0);
    }
}
