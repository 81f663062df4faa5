using System.Text.Json;
using Tally.Tests.EndToEnd.Load;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>A second generation counted beside the first one, and the switch to it.</summary>
public sealed class RebuildTests
{
    [Test]
    public async Task What_was_rebuilt_takes_over_and_goes_on()
    {
        var seed = Environment.TickCount;
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        await using var pipeline = await Pipeline.StartAsync(new Dictionary<string, string> { ["Processor__SketchInterval"] = "00:00:01" });
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() / 3_600_000;
        long[] hours = [0, now - 50, now - 1, now];
        var source = new EventSource(seed);
        var oracle = new HourOracle();
        await PostAsync(2_000);
        await ReadsRightAsync();

        await using var rebuild = pipeline.Processor.With(
            new Dictionary<string, string> { ["Http__Port"] = $"{FreePort.Next()}", ["Processor__Instance"] = "rebuild" }, "rebuild");
        rebuild.Start();
        Assert.That(await rebuild.ExitedAsync(TimeSpan.FromSeconds(60)), Is.Zero, () => rebuild.Log);
        Assert.That(rebuild.Log, Does.Contain("Generation 2 counts every hour anew").And.Contains("Generation 2 has passed generation 1"));

        await pipeline.Processor.StopAsync(TimeSpan.FromSeconds(15));
        await pipeline.Materializer.StopAsync(TimeSpan.FromSeconds(15));
        await using var processor = pipeline.Processor.With(new Dictionary<string, string> { ["Processor__Generation"] = "2" });
        await using var materializer = pipeline.Materializer.With(new Dictionary<string, string> { ["Materializer__Generation"] = "2" });
        processor.Start();
        materializer.Start();
        await Eventually.HoldsAsync("both stores are read in generation 2", async () =>
        {
            using var accounting = JsonDocument.Parse(await pipeline.Http.GetStringAsync(pipeline.QueryAt("/accounting")));
            var analytics = accounting.RootElement.GetProperty("jobs")[0];
            return analytics.GetProperty("sources").EnumerateArray().All(source =>
                source.TryGetProperty("partitions", out var partitions) && partitions.EnumerateArray().All(p => p.GetProperty("generation").GetInt32() == 2));
        });
        await ReadsRightAsync();
        await PostAsync(500);
        await ReadsRightAsync();
        var (users, clicks, impressions) = oracle.Over(hour => hour > 0);
        var total = $$"""
            "total":{"unique_users":{{users}},"clicks":{{clicks}},"impressions":{{impressions}},"exact":false,
            """.Trim();
        await Eventually.HoldsAsync("the new generation has sketches of its own, of all users", async () =>
            await pipeline.Http.GetStringAsync(pipeline.QueryAt($"/analytics/range?from={(now - 60) * 3_600_000}&to={(now + 1) * 3_600_000}&step=day")) is var range
            && range.Contains(total, StringComparison.Ordinal) && range.EndsWith("\"pending_users\":0}}\n", StringComparison.Ordinal));

        async Task PostAsync(int count)
        {
            var events = source.Make(count, 300, hours, retries: 0.2);
            foreach (var e in events) oracle.Count(e);
            await new Poster(pipeline).PostAllAsync(events, connections: 32);
        }

        async Task ReadsRightAsync()
        {
            foreach (var hour in hours)
                await Eventually.HoldsAsync($"hour {hour} reads {oracle.Body(hour)}", async () =>
                    await pipeline.Http.GetStringAsync(pipeline.QueryAt($"/analytics?timestamp={hour * 3_600_000}")) == oracle.Body(hour));
        }
    }
}
