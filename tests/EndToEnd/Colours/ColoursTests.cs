using System.Globalization;
using System.Net;
using System.Text.Json;
using Confluent.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd.Colours;

/// <summary>Colours from the topic to both calls, with bad values and the processor killed with -9.</summary>
public sealed class ColoursTests
{
    private Pipeline _pipeline = null!;
    private ColourCalls _colours = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        _pipeline = await Pipeline.StartAsync();
        _colours = new ColourCalls(_pipeline);
    }

    [OneTimeTearDown]
    public Task StopAsync() => Pipeline.StopAsync(_pipeline);

    [Test, Order(1)]
    public async Task Sets_are_found_whatever_stream_carries_which_colour_and_in_any_order()
    {
        _colours.Send("B_30", "G_20", "R_10", "R_40", "G_50", "G_15", "B_45", "R_35", "nonsense", "B_7");
        var stats = await StatsAsync(s => ColourCalls.Number(s, "events_read") == 9);
        Assert.Multiple(() =>
        {
            // 10-15-30 or 10-20-30, and 35 or 40 has no green before 45: only one set.
            Assert.That(ColourCalls.Number(stats, "valid_sets"), Is.EqualTo(1));
            Assert.That(ColourCalls.Number(stats, "events_dead_lettered"), Is.EqualTo(1));
            Assert.That(stats.GetProperty("events_held").GetProperty("r").GetInt64(), Is.EqualTo(3));
        });
        _colours.Send("G_41", "B_60");
        await StatsAsync(s => ColourCalls.Number(s, "valid_sets") == 3);
        await Eventually.HoldsAsync("the metrics tell what was counted and what not", async () =>
        {
            var metrics = (await _pipeline.Http.GetStringAsync(_pipeline.At("processor", "/metrics"))).Split('\n');
            return Told(metrics, "counted") == 11 && Told(metrics, "dead_lettered") == 1;
        });
        var sets = await SetsAsync("startTime=11&endTime=40");
        Assert.That(sets.Select(s => s.Red), Is.EqualTo(new[] { 35L, 40L }));
        Assert.That(sets.All(s => s.Red <= s.Green && s.Green <= s.Blue));
    }

    [Test, Order(2)]
    public async Task A_range_that_is_none_is_refused()
    {
        foreach (var query in (string[])["startTime=x", "endTime=1.5", "startTime=1&startTime=2", "from=1"])
            Assert.That((await _pipeline.Http.GetAsync(_pipeline.QueryAt($"/events/get-sets?{query}"))).StatusCode, Is.EqualTo(HttpStatusCode.BadRequest), query);
    }

    [Test, Order(3)]
    public async Task After_a_kill_9_the_held_events_come_back_from_the_topic()
    {
        _colours.Send([.. Enumerable.Range(0, 90_000).Select(n => $"{"RGB"[n % 3]}_{1_000_000 + n}")]);
        await StatsAsync(s => ColourCalls.Number(s, "valid_sets") == 30_003);
        var before = await SetsAsync("");
        // Three segments at the least, and every set of them.
        Assert.That(await SetsAsync("startTime=1000000&endTime=1089999"), Is.EqualTo(Enumerable.Range(0, 30_000).Select(n => (1_000_000L + (3 * n), 1_000_001L + (3 * n), 1_000_002L + (3 * n)))));
        await _pipeline.Processor.KillAsync();
        using (var away = await _pipeline.Http.GetAsync(_pipeline.QueryAt("/events/get-stats")))
            Assert.That((away.StatusCode, away.Headers.RetryAfter?.Delta), Is.EqualTo((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(1))));
        _pipeline.Processor.Start();
        var stats = await StatsAsync(s => ColourCalls.Number(s, "valid_sets") == 30_003);
        Assert.Multiple(() =>
        {
            Assert.That(ColourCalls.Number(stats, "events_read"), Is.EqualTo(90_011));
            Assert.That(ColourCalls.Number(stats, "events_dead_lettered"), Is.EqualTo(1));
            Assert.That(ColourCalls.Number(stats, "events_aged_out"), Is.Zero);
            Assert.That(stats.GetProperty("segments").GetProperty("retired").GetInt64(), Is.GreaterThanOrEqualTo(2));
        });
        Assert.That(await SetsAsync(""), Is.EqualTo(before));
    }

    [Test, Order(4)]
    public async Task An_owner_whose_transactions_another_took_over_gives_the_colours_up_and_begins_anew_with_nothing_lost_or_twice()
    {
        const string Lost = "The colours are given up and taken again";
        var before = _pipeline.Processor.Log.Split(Lost).Length;
        // What another instance does first when it gets them. This one is not told, so it finds out while it commits.
        using (var other = new ProducerBuilder<byte[], byte[]>(new ProducerConfig { BootstrapServers = _pipeline.Bootstrap, TransactionalId = "tally-processor-colours-owner" }).Build())
            other.InitTransactions(TimeSpan.FromSeconds(20));
        _colours.Send("R_2000000", "G_2000001", "B_2000002", "nonsense too");
        await Eventually.HoldsAsync("it is fenced", () => Task.FromResult(_pipeline.Processor.Log.Split(Lost).Length > before));
        var stats = await StatsAsync(s => ColourCalls.Number(s, "events_read") == 90_014);
        Assert.Multiple(() =>
        {
            Assert.That(ColourCalls.Number(stats, "valid_sets"), Is.EqualTo(30_004));
            Assert.That(ColourCalls.Number(stats, "events_dead_lettered"), Is.EqualTo(2));
            Assert.That(ColourCalls.Number(stats, "events_aged_out"), Is.Zero);
        });
        await Eventually.HoldsAsync("each bad value is one dead letter, what was not committed left none", () =>
            Task.FromResult(_colours.DeadLetters().Order().SequenceEqual(["nonsense", "nonsense too"])));
        Assert.That(_pipeline.Processor.Running);
    }

    private Task<JsonElement> StatsAsync(Func<JsonElement, bool> holds) => _colours.StatsAsync("the stats are as expected", TimeSpan.FromSeconds(40), holds);

    private async Task<List<(long Red, long Green, long Blue)>> SetsAsync(string query)
    {
        var json = await _pipeline.Http.GetStringAsync(_pipeline.QueryAt($"/events/get-sets?{query}"));
        return [.. JsonDocument.Parse(json).RootElement.GetProperty("sets").EnumerateArray().Select(s => (Timestamp(s, "r"), Timestamp(s, "g"), Timestamp(s, "b")))];
    }

    private static long Timestamp(JsonElement set, string colour) => set.GetProperty(colour).GetProperty("timestamp").GetInt64();

    private static long Told(string[] metrics, string outcome) =>
        long.Parse(Array.Find(metrics, line => line.StartsWith("tally_processor_events_total{", StringComparison.Ordinal) && line.Contains("job=\"colours\"", StringComparison.Ordinal)
            && line.Contains($"outcome=\"{outcome}\"", StringComparison.Ordinal))?.Split(' ')[1] ?? "0", CultureInfo.InvariantCulture);
}
