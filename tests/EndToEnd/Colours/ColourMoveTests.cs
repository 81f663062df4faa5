using System.Net;
using System.Text.Json;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd.Colours;

/// <summary>The one owner of the colours is killed, or stands still, while a second processor stands by.</summary>
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

    [Test]
    public async Task An_owner_that_stood_still_until_another_had_the_colours_tells_nothing_old_and_commits_nothing()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        await using var pipeline = await Pipeline.StartAsync(new Dictionary<string, string> { ["Processor__SessionTimeout"] = "00:00:02" });
        var second = await pipeline.AddInstanceAsync("processor");
        var colours = new ColourCalls(pipeline);
        colours.Send("R_1", "G_2", "B_3", "nonsense");
        await colours.StatsAsync("the first has counted", Eventually.Patience, s => Counts(s) is { Sets: 1, Read: 3 });

        // It stops with events before it that it has not committed.
        colours.Send("R_11", "G_12", "B_13", "worse");
        pipeline.Processor.Pause();
        colours.Send("R_21", "G_22", "B_23");
        await Eventually.HoldsAsync("the second has them", async () => await SetsAtAsync(pipeline, second) == 3);
        pipeline.Processor.Continue();

        // Joining again it may be given them again; whoever tells anything has to know what the second did.
        var first = pipeline.At("processor", "");
        var refused = false;
        await Eventually.HoldsAsync("the first knows that it has lost them, and one of both has them", async () =>
        {
            var told = new[] { await SetsAtAsync(pipeline, first), await SetsAtAsync(pipeline, second) };
            Assert.That(told, Has.All.Null.Or.EqualTo(3), "what another has changed since was not known");
            refused |= told[0] is null;
            return refused && told.Any(sets => sets is not null) && pipeline.Processor.Log.Contains("The colours are given up and taken again", StringComparison.Ordinal);
        });
        await Eventually.HoldsAsync("each bad value is one dead letter", () => Task.FromResult(colours.DeadLetters().Order().SequenceEqual(["nonsense", "worse"])));
        Assert.That(pipeline.Processor.Running);
    }

    /// <returns>Sets as this processor tells them; null when it refuses.</returns>
    private static async Task<long?> SetsAtAsync(Pipeline pipeline, Uri processor)
    {
        using var answer = await pipeline.Http.GetAsync(new Uri(processor, "/events/get-stats"));
        if (answer.IsSuccessStatusCode) return ColourCalls.Number(JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement, "valid_sets");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        return null;
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
