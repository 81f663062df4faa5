using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd.Colours;

/// <summary>More colours than memory, in a process whose collector may have 64 MB. `make chaos-colours` sends ten million.</summary>
public sealed class ColourAgeingTests
{
    private static readonly int Events = int.TryParse(Environment.GetEnvironmentVariable("COLOUR_EVENTS"), out var events) ? events : 300_000;

    [Test]
    public async Task Oldest_segments_go_and_are_counted_nothing_runs_out_of_memory_and_a_kill_changes_nothing()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        await using var pipeline = await Pipeline.StartAsync(new Dictionary<string, string>
        {
            ["DOTNET_GCHeapHardLimit"] = "0x4000000",
            // The fewer come, the smaller the part they may take: something has to go.
            ["ColourSets__MemoryShare"] = Events < 5_000_000 ? "0.01" : "0.25",
        });
        var colours = new ColourCalls(pipeline);
        var began = Stopwatch.GetTimestamp();
        colours.Send(Values());
        var stats = await ReadAsync(colours);
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{Events} events in {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s, sending included; at most {ProcessMemory.Peak(pipeline.Processor) / 1024} MiB resident; {stats.GetRawText()}"));
        var held = stats.GetProperty("events_held").EnumerateObject().Sum(c => c.Value.GetInt64());
        Assert.Multiple(() =>
        {
            Assert.That(pipeline.Processor.Running, () => pipeline.Processor.Log);
            Assert.That(stats.GetProperty("events_aged_out").GetInt64(), Is.Positive.And.EqualTo(Events - held));
            Assert.That(stats.GetProperty("bytes_held").GetInt64(), Is.LessThan(stats.GetProperty("memory_budget_bytes").GetInt64()));
            Assert.That(stats.GetProperty("segments").GetProperty("dropped").GetInt64(), Is.Positive);
        });

        await AccountedAsync(pipeline, held);

        // The last commit may be a second old: what it says is what comes back.
        await Task.Delay(TimeSpan.FromSeconds(2));
        await pipeline.Processor.KillAsync();
        pipeline.Processor.Start();
        var again = await ReadAsync(colours);
        Assert.Multiple(() =>
        {
            foreach (var name in (string[])["valid_sets", "events_held", "events_read", "events_aged_out"])
                Assert.That(again.GetProperty(name).GetRawText(), Is.EqualTo(stats.GetProperty(name).GetRawText()), $"{name} after kill -9");
        });
    }

    private static Task AccountedAsync(Pipeline pipeline, long held) => Eventually.HoldsAsync("the accounting names every event once", async () =>
    {
        var json = await pipeline.Http.GetStringAsync(pipeline.QueryAt("/accounting"));
        var job = JsonDocument.Parse(json).RootElement.GetProperty("jobs").EnumerateArray().Single(j => j.GetProperty("job").GetString() == "colours");
        var outcomes = job.GetProperty("outcomes");
        return outcomes.GetProperty("read").GetInt64() == Events && outcomes.GetProperty("counted").GetInt64() == held && outcomes.GetProperty("aged_out").GetInt64() == Events - held;
    });

    private static Task<JsonElement> ReadAsync(ColourCalls colours) =>
        colours.StatsAsync($"{Events} events are read", TimeSpan.FromSeconds(300), stats => ColourCalls.Number(stats, "events_read") == Events);

    /// <summary>Wide apart, so that each takes several bytes.</summary>
    private static IEnumerable<string> Values()
    {
        var random = new Random(1);
        for (var n = 0; n < Events; n++)
            yield return string.Create(CultureInfo.InvariantCulture, $"{"RGB"[random.Next(3)]}_{(n * 500_000_000_000L) + random.NextInt64(500_000_000_000)}");
    }
}
