using System.Text.Json;
using Tally.Tests.EndToEnd.Load;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>Ranges of hours and days from real processes.</summary>
public sealed class RangeTests
{
    [Test]
    public async Task A_processor_killed_before_it_sent_its_sketches_costs_none_of_them()
    {
        var seed = Environment.TickCount;
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        await using var pipeline = await Pipeline.StartAsync(new Dictionary<string, string> { ["Processor__SketchInterval"] = "00:00:03" });
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() / 3_600_000;
        var source = new EventSource(seed);
        var oracle = new HourOracle();
        var poster = new Poster(pipeline);
        for (var round = 0; round < 3; round++)
        {
            var events = source.Make(600, 250, [now - 50, now - 3, now - 1, now], retries: 0.1);
            foreach (var e in events) oracle.Count(e);
            await poster.PostAllAsync(events, connections: 32);
            // The sketches of the round before are not due again yet, those of this one are still owed.
            await pipeline.Processor.KillAsync();
            pipeline.Processor.Start();
        }

        var from = now - 60;
        foreach (var (step, hours) in ((string, int)[])[("hour", 1), ("day", 24)])
        {
            // A range is widened to whole days.
            var (first, last) = (from / hours * hours, now / hours * hours);
            var expected = Enumerable.Range(0, (int)((last - first) / hours) + 1).Select(i => first + (i * hours))
                .Select(start => oracle.Over(hour => hour >= start && hour < start + hours)).Append(oracle.Over(_ => true)).ToList();
            await Eventually.HoldsAsync($"the range by {step} is that of a plain recount", async () =>
            {
                var answer = JsonDocument.Parse(await pipeline.Http.GetStringAsync(
                    pipeline.QueryAt($"/analytics/range?from={from * 3_600_000}&to={(now + 1) * 3_600_000}&step={step}"))).RootElement;
                var items = answer.GetProperty("series").EnumerateArray().Append(answer.GetProperty("total")).ToList();
                // So few users that the sparse sketches tell each of them.
                return items.Select(Numbers).SequenceEqual(expected)
                    && items.All(i => i.GetProperty("exact").GetBoolean() || i.GetProperty("pending_users").GetInt64() == 0);
            });
        }
    }

    private static (long, long, long) Numbers(JsonElement item) =>
        (item.GetProperty("unique_users").GetInt64(), item.GetProperty("clicks").GetInt64(), item.GetProperty("impressions").GetInt64());
}
