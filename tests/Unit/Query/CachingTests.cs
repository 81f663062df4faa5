using System.Net;
using System.Net.Http.Headers;
using Tally.QueryService.Http;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query;

/// <summary>What clients and caches are told, and when they need no body.</summary>
public sealed class CachingTests
{
    private QueryServiceOverHttp _service = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _service = await QueryServiceOverHttp.StartAsync("--Query:CacheFor=00:00:00", "--Query:MaxAge=00:05:00");

    [OneTimeTearDown]
    public async Task StopAsync() => await _service.DisposeAsync();

    [SetUp]
    public void Hold() => _service.Hold(new HourCounts(10, 20, 30));

    [Test]
    public async Task A_closed_hour_may_be_kept_a_while()
    {
        using var answer = await _service.Http.GetAsync("/analytics?timestamp=3600000");
        Assert.Multiple(() =>
        {
            Assert.That(answer.Headers.CacheControl?.ToString(), Is.EqualTo("public, max-age=300"));
            Assert.That(answer.Headers.ETag?.Tag, Is.EqualTo("\"ta.14.1e\""));
            Assert.That(answer.Headers.Vary, Is.EquivalentTo(new[] { "Accept", "Tally-Position" }));
        });
    }

    [TestCase(0)]
    [TestCase(5)]
    public async Task The_current_hour_and_later_ones_must_be_asked_for_again(int hoursAhead)
    {
        var now = TimeProvider.System.GetUtcNow().AddHours(hoursAhead).ToUnixTimeMilliseconds();
        using var answer = await _service.Http.GetAsync($"/analytics?timestamp={now}");
        Assert.That(answer.Headers.CacheControl?.ToString(), Is.EqualTo("no-cache"));
        Assert.That(answer.Headers.ETag, Is.Not.Null);
    }

    [Test]
    public async Task An_hour_that_has_just_ended_is_not_closed_yet()
    {
        await using var service = await QueryServiceOverHttp.StartAsync("--Query:ClosedAfter=1.00:00:00");
        service.Hold(new HourCounts(1, 1, 0));
        var last = TimeProvider.System.GetUtcNow().AddHours(-1).ToUnixTimeMilliseconds();
        using var answer = await service.Http.GetAsync($"/analytics?timestamp={last}");
        Assert.That(answer.Headers.CacheControl?.ToString(), Is.EqualTo("no-cache"));
    }

    [Test]
    public async Task Who_has_the_numbers_gets_304_until_a_late_event_changes_them()
    {
        using var first = await _service.Http.GetAsync("/analytics?timestamp=1");
        using var again = await AskAsync("/analytics?timestamp=2", first.Headers.ETag!);
        Assert.Multiple(async () =>
        {
            Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));
            Assert.That(again.Headers.ETag, Is.EqualTo(first.Headers.ETag));
            Assert.That(again.Headers.CacheControl?.ToString(), Is.EqualTo("public, max-age=300"));
            Assert.That(again.Headers.GetValues("Tally-Position"), Is.EqualTo(new[] { "0.0" }));
            Assert.That(await again.Content.ReadAsByteArrayAsync(), Is.Empty);
        });

        _service.Hold(new HourCounts(10, 20, 31));
        using var late = await AskAsync("/analytics?timestamp=1", first.Headers.ETag!);
        Assert.That(late.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(late.Headers.ETag, Is.Not.EqualTo(first.Headers.ETag));
    }

    [Test]
    public async Task The_forms_have_tags_of_their_own()
    {
        using var text = await _service.Http.GetAsync("/analytics?timestamp=1");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/analytics?timestamp=1");
        request.Headers.Accept.ParseAdd("application/json");
        request.Headers.IfNoneMatch.Add(text.Headers.ETag!);
        using var json = await _service.Http.SendAsync(request);
        Assert.That(json.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task A_stale_answer_is_kept_by_nobody()
    {
        foreach (var source in (FakeSource[])[_service.Redis, _service.Archive])
            source.Has(HourState.Complete, new HourCounts(11, 21, 31), new SourceProgress(1, [new(1, 0, 2, 1, 0)]));
        using var answer = await _service.Http.GetAsync("/analytics?timestamp=7200000");
        Assert.Multiple(() =>
        {
            Assert.That(answer.Headers.Contains("Tally-Stale"), Is.True);
            Assert.That(answer.Headers.CacheControl?.ToString(), Is.EqualTo("no-store"));
            Assert.That(answer.Headers.ETag, Is.Null);
            Assert.That(answer.Headers.Contains("Tally-Position"), Is.False);
        });
    }

    [TestCase("\"a\"", true)]
    [TestCase("W/\"a\"", true)]
    [TestCase("\"b\", \"a\"", true)]
    [TestCase("*", true)]
    [TestCase("\"b\"", false)]
    [TestCase("a", false)]
    [TestCase("", false)]
    public void Tags_are_compared_weakly(string header, bool matches) => Assert.That(EntityTags.Contain(header, "\"a\""), Is.EqualTo(matches));

    private async Task<HttpResponseMessage> AskAsync(string path, EntityTagHeaderValue known)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.IfNoneMatch.Add(known);
        return await _service.Http.SendAsync(request);
    }
}
