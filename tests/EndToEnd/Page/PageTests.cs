using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.Playwright;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd.Page;

/// <summary>What a person sees in a browser: the page of the current hour, and the page that tries the calls.</summary>
[TestFixture]
public sealed class PageTests
{
    private const long Hour = 3_600_000;
    private Pipeline _pipeline = null!;
    private Browser _browser = null!;

    // The hour may turn between the tests.
    private readonly long _past = Now() / Hour * Hour - 5 * Hour;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _browser = await Browser.StartAsync();
        _pipeline = await Pipeline.StartAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        await Pipeline.StopAsync(_pipeline);
    }

    [Test, Order(1)]
    public async Task The_page_follows_the_current_hour_and_charts_the_past_ones()
    {
        for (var n = 0; n < 4; n++) await PostAsync(_past, $"user-{n}", "impression");
        await Eventually.HoldsAsync("the past hour is counted", async () => (await CountsAsync(_past)).Impressions == 4);

        var page = await _browser.OpenAsync(_pipeline.QueryAt("/"));
        await FollowsAsync(page, "ada", "bob", "ada");
        var state = await page.Locator("#state").TextContentAsync();
        string[] bars = [];
        // The past hours are asked for one by one once the current one is there, and what is there is drawn with every news of the current one.
        await Eventually.HoldsAsync("the past hours are drawn", async () =>
        {
            bars = await page.Locator("#chart g").EvaluateAllAsync<string[]>("groups => groups.map(g => g.querySelector('title')?.textContent ?? '')");
            return bars.Length > 0 && bars.All(b => b.Length > 0);
        });
        var named = DateTimeOffset.FromUnixTimeMilliseconds(_past).ToString("yyyy-MM-dd HH':00 GMT'", CultureInfo.InvariantCulture);
        await AttachAsync(page, "page.png");
        Assert.Multiple(() =>
        {
            Assert.That(state, Is.EqualTo("live"));
            Assert.That(bars, Has.Length.EqualTo(24));
            Assert.That(bars, Has.Exactly(1).EqualTo($"{named}\nunique_users 4\nclicks 0\nimpressions 4"));
        });
    }

    [Test, Order(2)]
    public async Task The_page_comes_back_by_itself_when_the_service_was_away()
    {
        var page = await _browser.OpenAsync(_pipeline.QueryAt("/"));
        await FollowsAsync(page, "cid");
        await _pipeline.Query.KillAsync();
        await Eventually.HoldsAsync("the page says that the stream broke off", async () =>
            (await page.Locator("#state").TextContentAsync())!.Contains("connecting again", StringComparison.Ordinal));
        _pipeline.Query.Start();
        await _pipeline.ReadyAsync();
        await FollowsAsync(page, "dan");
    }

    [Test, Order(3)]
    public async Task The_calls_can_be_tried_in_the_browser()
    {
        var reading = await _browser.OpenAsync(_pipeline.QueryAt("/docs"));
        var call = reading.Locator("details").Filter(new() { HasTextRegex = new(@"^GET/analytics\s") }).First;
        await call.Locator("summary").ClickAsync();
        await call.Locator("label", new() { HasText = "timestamp" }).Locator("input").FillAsync(_past.ToString(CultureInfo.InvariantCulture));
        await call.Locator("button").ClickAsync();
        await Assertions.Expect(call.Locator("pre")).ToContainTextAsync("impressions,4");
        await AttachAsync(reading, "docs.png");

        var writing = await _browser.OpenAsync(_pipeline.CommandAt("/docs"));
        var post = writing.Locator("details").Filter(new() { HasTextRegex = new(@"^POST/analytics\s") }).First;
        await post.Locator("summary").ClickAsync();
        await post.Locator("label", new() { HasText = "click" }).First.Locator("input").FillAsync("true");
        await post.Locator("button").ClickAsync();
        await Assertions.Expect(post.Locator("pre")).ToContainTextAsync("204");
    }

    // Posts clicks of these users now, and waits until the page shows, without being loaded again, what GET answers for the hour it names.
    private async Task FollowsAsync(IPage page, params string[] users)
    {
        var begun = Now() / Hour * Hour;
        var before = await CountsAsync(begun);
        foreach (var user in users) await PostAsync(Now(), user, "click");
        await Eventually.HoldsAsync("the page shows the current hour", async () =>
        {
            var shown = await page.EvaluateAsync<string[]>("['hour', 'state', 'unique_users', 'clicks', 'impressions'].map(id => document.getElementById(id).textContent)");
            if (!DateTimeOffset.TryParseExact(shown[0], "yyyy-MM-dd HH':00 GMT'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var named)) return false;
            var hour = named.ToUnixTimeMilliseconds();
            var counts = await CountsAsync(hour);
            string[] expected = [shown[0], "live", $"{counts.Users}", $"{counts.Clicks}", $"{counts.Impressions}"];
            // The hour may turn meanwhile; how many of the clicks the new one has is not known then.
            return shown.SequenceEqual(expected) && (hour > begun || counts.Clicks == before.Clicks + users.Length);
        });
    }

    private async Task PostAsync(long timestamp, string user, string kind)
    {
        using var answer = await _pipeline.Http.PostAsync(_pipeline.CommandAt($"/analytics?timestamp={timestamp}&user={user}&{kind}"), null);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
    }

    private async Task<(long Users, long Clicks, long Impressions)> CountsAsync(long timestamp)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _pipeline.QueryAt($"/analytics?timestamp={timestamp}"));
        request.Headers.Add("Accept", "application/json");
        using var answer = await _pipeline.Http.SendAsync(request);
        if (!answer.IsSuccessStatusCode) return default;
        var counts = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        return (counts.GetProperty("unique_users").GetInt64(), counts.GetProperty("clicks").GetInt64(), counts.GetProperty("impressions").GetInt64());
    }

    private static long Now() => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    private static async Task AttachAsync(IPage page, string name)
    {
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, name);
        await page.ScreenshotAsync(new() { Path = path, FullPage = true });
        TestContext.AddTestAttachment(path);
    }
}
