using System.IO.Compression;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd;

/// <summary>What `make feed-…` puts into Kafka is counted by each job, every record of it.</summary>
public sealed partial class FeedTests
{
    private Pipeline _pipeline = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        _pipeline = await Pipeline.StartAsync();
    }

    [OneTimeTearDown]
    public Task StopAsync() => Pipeline.StopAsync(_pipeline);

    [Test]
    public async Task Events_of_hours_are_counted_as_clicks_and_impressions_of_hashed_users()
    {
        await FeedAsync("analytics", 40_000, ("USERS", "50"), ("HashKey__Value", string.Concat(Enumerable.Repeat("0123456789abcdef", 4))));
        var outcomes = await OutcomesAsync("analytics", 40_000);
        Assert.That(outcomes.GetProperty("counted").GetInt64(), Is.EqualTo(40_000));
        // One posted as a user of the feed is a user of this hour already: both hash with one key.
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        using var posted = await _pipeline.Http.PostAsync(_pipeline.CommandAt($"/analytics?timestamp={now}&user=user-7&click"), null);
        using var hour = await _pipeline.Http.GetAsync(_pipeline.QueryAt($"/analytics?timestamp={now}&after={posted.Headers.GetValues("Tally-Position").Single()}&wait=10000"));
        // The hour may have turned since: then this is its first event.
        Assert.That(await hour.Content.ReadAsStringAsync(), Does.StartWith("unique_users,50\n").Or.StartsWith("unique_users,1\n"));
    }

    [Test]
    public async Task Arrays_of_flows_are_counted()
    {
        await FeedAsync("flows", 300, ("ARRAY", "100"));
        Assert.That((await OutcomesAsync("flows", 300)).GetProperty("counted").GetInt64(), Is.EqualTo(300));
    }

    [TestCase("alternate")]
    [TestCase("burst")]
    [TestCase("out-of-order")]
    public async Task Colours_of_every_scenario_are_counted_and_progress_is_told(string scenario)
    {
        var before = (await OutcomesAsync("colours", null)).GetProperty("read").GetInt64();
        // Slowly enough to be told of on the way.
        var said = await FeedAsync("colours", 30_000, ("SCENARIO", scenario), ("RATE", "20000"));
        Assert.That(Progress().Matches(said), Is.Not.Empty, said);
        Assert.That((await OutcomesAsync("colours", before + 30_000)).GetProperty("counted").GetInt64(), Is.EqualTo(before + 30_000));
    }

    [Test]
    public async Task Frames_of_a_file_are_counted_a_line_each_zipped_or_not()
    {
        var folder = Directory.CreateTempSubdirectory("tally-feed-");
        try
        {
            var lines = string.Concat(Enumerable.Range(0, 500).Select(n => $$"""{"uid":"u{{n % 7}}","ts":{{1_700_000_000 + (n / 50)}}}""" + "\r\n"));
            var plain = Path.Combine(folder.FullName, "a.jsonl");
            await File.WriteAllTextAsync(plain, lines);
            await FeedAsync("frames", 500, ("FILE", plain));
            await using (var zip = new GZipStream(File.Create(Path.Combine(folder.FullName, "0.jsonl.gz")), CompressionLevel.Fastest))
            await using (var text = new StreamWriter(zip)) await text.WriteAsync(lines);
            // Without a name it is the first one there.
            await FeedAsync("frames", 500, ("FOLDER", folder.FullName));
            var outcomes = await OutcomesAsync("frames", 1_000);
            Assert.That(outcomes.GetProperty("read").GetInt64(), Is.EqualTo(1_000));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [TestCase("analytics", "HashKey:File is not set")]
    [TestCase("colours", "SCENARIO is 'sideways': it must be alternate, burst or out-of-order", "SCENARIO", "sideways")]
    [TestCase("frames", "FILE is '/nowhere', which is not there", "FILE", "/nowhere")]
    [TestCase("flows", "COUNT is '0': it must be a whole number from 1 to 1000000000", "COUNT", "0")]
    public async Task A_feed_that_cannot_begin_says_why_in_one_sentence(string kind, string sentence, string variable = "SEED", string value = "1")
    {
        await using var feed = Feed(kind, (variable, value));
        feed.Start();
        Assert.That(await feed.ExitedAsync(Eventually.Patience), Is.EqualTo(2), () => feed.Log);
        Assert.That(feed.Log, Does.Contain($"feed: {sentence}"));
    }

    [Test]
    public async Task Where_nobody_answers_it_says_what_to_look_at()
    {
        var nobody = $"127.0.0.1:{FreePort.Next()}";
        await using var feed = Feed("colours", ("BOOTSTRAP", nobody));
        feed.Start();
        Assert.That(await feed.ExitedAsync(Eventually.Patience), Is.EqualTo(1), () => feed.Log);
        Assert.That(feed.Log, Does.Match($"feed: {nobody} does not have events \\(.+\\): is it running"));
    }

    /// <returns>What it said.</returns>
    private async Task<string> FeedAsync(string kind, int count, params (string Variable, string Value)[] variables)
    {
        await using var feed = Feed(kind, [("COUNT", $"{count}"), .. variables]);
        feed.Start();
        Assert.That(await feed.ExitedAsync(Eventually.Patience), Is.Zero, () => feed.Log);
        var last = feed.Log.TrimEnd().Split('\n')[^1];
        Assert.That(last, Does.Match($"^{count} records to \\S+ in [0-9.]+ s, [0-9]+ records/s"), feed.Log);
        return feed.Log;
    }

    private ServiceProcess Feed(string kind, params (string Variable, string Value)[] variables)
    {
        var environment = new Dictionary<string, string> { ["BOOTSTRAP"] = _pipeline.Bootstrap };
        foreach (var (variable, value) in variables) environment[variable] = value;
        return ServiceProcess.Of("feed", "Feed", environment, kind);
    }

    /// <param name="job">As the accounting names it.</param>
    /// <param name="read">Awaited; null takes what is there.</param>
    private async Task<JsonElement> OutcomesAsync(string job, long? read)
    {
        JsonElement outcomes = default;
        await Eventually.HoldsAsync($"{read} records of {job} are read", async () =>
        {
            var json = JsonDocument.Parse(await _pipeline.Http.GetStringAsync(_pipeline.QueryAt("/accounting"))).RootElement;
            var one = json.GetProperty("jobs").EnumerateArray().Single(j => j.GetProperty("job").GetString() == job);
            return one.TryGetProperty("outcomes", out outcomes) && (read is null || outcomes.GetProperty("read").GetInt64() == read);
        });
        return outcomes;
    }

    [GeneratedRegex("[0-9]+ records to events in [0-9.]+ s, [0-9]+ records/s…")]
    private static partial Regex Progress();
}
