using System.Net;
using System.Text.Json;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd.Colours;

/// <summary>The one owner of the colours is killed while a second processor stands by.</summary>
public sealed class ColourMoveTests
{
    [Test]
    public async Task While_the_colours_move_to_another_instance_there_is_503_with_Retry_After_and_then_the_same_answer()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        await using var pipeline = await Pipeline.StartAsync(new Dictionary<string, string> { ["Processor__SessionTimeout"] = "00:00:02" });
        var second = await pipeline.AddInstanceAsync("processor");
        await pipeline.Query.StopAsync(TimeSpan.FromSeconds(20));
        await using var query = pipeline.Query.With(new Dictionary<string, string>
        {
            ["Colours__Processors"] = $"{pipeline.At("processor", "").ToString().TrimEnd('/')},{second.ToString().TrimEnd('/')}",
        });
        query.Start();
        var colours = new ColourCalls(pipeline);
        colours.Send(Enumerable.Range(0, 30_000).Select(n => $"{"RGB"[n % 3]}_{n}"));
        var before = await StatsAsync(colours, []);

        await pipeline.Processor.KillAsync();
        var refusals = new List<(HttpStatusCode, TimeSpan?)>();
        var after = await StatsAsync(colours, refusals);
        Assert.Multiple(() =>
        {
            Assert.That(refusals, Is.Not.Empty, "the first owner's place was taken before anybody looked");
            Assert.That(refusals.Distinct(), Is.EqualTo(new[] { (HttpStatusCode.ServiceUnavailable, (TimeSpan?)TimeSpan.FromSeconds(1)) }));
            Assert.That(after, Is.EqualTo(before));
        });
    }

    /// <returns>Sets, events read and aged out once all are read.</returns>
    private static async Task<(long Sets, long Read, long AgedOut)> StatsAsync(ColourCalls colours, List<(HttpStatusCode, TimeSpan?)> refusals)
    {
        var stats = await colours.StatsAsync("all sets are there", TimeSpan.FromSeconds(60), s => Counts(s) is { Sets: 10_000, Read: 30_000 }, refusals);
        return Counts(stats);
    }

    private static (long Sets, long Read, long AgedOut) Counts(JsonElement stats) =>
        (ColourCalls.Number(stats, "valid_sets"), ColourCalls.Number(stats, "events_read"), ColourCalls.Number(stats, "events_aged_out"));
}
