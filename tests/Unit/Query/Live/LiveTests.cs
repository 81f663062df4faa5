using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Tally.QueryService.Live;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query.Live;

/// <summary>The stream of the current hour as listeners see it.</summary>
public sealed class LiveTests
{
    private QueryServiceOverHttp _service = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _service = await QueryServiceOverHttp.StartAsync("--Live:Every=00:00:00.02", "--Live:Heartbeat=00:00:01", "--Query:CacheFor=00:00:00", "--Live:MaxListeners=1001");
        _service.Hold(new HourCounts(1, 2, 3));
    }

    [TearDown]
    public async Task StopAsync() => await _service.DisposeAsync();

    [Test]
    public async Task A_listener_sees_the_hour_at_once_and_every_change()
    {
        using var stream = await EventStream.OpenAsync(_service.Http);
        var first = await stream.NextAsync();
        Assert.That(stream.ContentType, Is.EqualTo("text/event-stream"));
        Assert.That(first.Name, Is.EqualTo("hour"));
        Assert.That(first.Numbers, Is.EqualTo(new HourCounts(1, 2, 3)));
        Assert.That(first.HourStart, Is.EqualTo(Hours.StartMs(CurrentHour)));

        _service.Hold(new HourCounts(2, 3, 3));
        var second = await stream.NextAsync();
        Assert.That(second.Numbers, Is.EqualTo(new HourCounts(2, 3, 3)));
        Assert.That(second.Id, Is.Not.EqualTo(first.Id));
    }

    [Test]
    public async Task A_silent_stream_has_heartbeats()
    {
        using var stream = await EventStream.OpenAsync(_service.Http);
        await stream.NextAsync();
        await stream.HeartbeatAsync();
        await stream.HeartbeatAsync();
    }

    [Test]
    public async Task Who_comes_back_is_sent_only_what_he_has_not_seen()
    {
        string id;
        using (var stream = await EventStream.OpenAsync(_service.Http)) id = (await stream.NextAsync()).Id;
        using var again = await EventStream.OpenAsync(_service.Http, id);
        // The first thing he is told is that there is nothing new.
        await again.HeartbeatAsync();
        _service.Hold(new HourCounts(9, 9, 9));
        Assert.That((await again.NextAsync()).Numbers, Is.EqualTo(new HourCounts(9, 9, 9)));
    }

    [Test]
    public async Task Who_was_away_over_the_end_of_an_hour_gets_its_last_numbers_first()
    {
        var before = CurrentHour - 1;
        using var stream = await EventStream.OpenAsync(_service.Http, $"{before}.0.1.0");
        Assert.That((await stream.NextAsync()).HourStart, Is.EqualTo(Hours.StartMs(before)));
        Assert.That((await stream.NextAsync()).HourStart, Is.GreaterThan(Hours.StartMs(before)));
    }

    [TestCase("")]
    [TestCase("nonsense")]
    [TestCase("-5.1.1.1")]
    [TestCase("99999999999999999999.1")]
    public async Task An_id_that_is_none_of_ours_begins_anew(string id)
    {
        using var stream = await EventStream.OpenAsync(_service.Http, id);
        Assert.That((await stream.NextAsync()).HourStart, Is.EqualTo(Hours.StartMs(CurrentHour)));
    }

    [Test]
    public async Task Numbers_of_unknown_age_are_told_as_stale()
    {
        foreach (var source in (FakeSource[])[_service.Redis, _service.Archive])
            source.Has(HourState.Complete, new HourCounts(5, 5, 5), new SourceProgress(1, [new(1, 0, 1, 1000, 0)]));
        using var stream = await EventStream.OpenAsync(_service.Http);
        Assert.That((await stream.NextAsync()).Data.GetProperty("stale_ms").GetInt64(), Is.Positive);
    }

    [Test]
    public async Task A_thousand_listeners_see_a_change_and_cost_the_reads_of_one()
    {
        var streams = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => EventStream.OpenAsync(_service.Http)));
        await Task.WhenAll(streams.Select(s => s.NextAsync()));
        using (var another = await EventStream.OpenAsync(_service.Http))
        {
            using var oneMore = await _service.Http.GetAsync("/analytics/live", HttpCompletionOption.ResponseHeadersRead);
            Assert.That(oneMore.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(oneMore.Headers.RetryAfter, Is.Not.Null);
        }
        var (reads, begun) = (_service.Redis.Reads, TimeProvider.System.GetTimestamp());
        _service.Hold(new HourCounts(1000, 1001, 0));
        var changes = await Task.WhenAll(streams.Select(s => s.NextAsync()));
        Assert.That(changes.Select(c => c.Numbers), Has.All.EqualTo(new HourCounts(1000, 1001, 0)));
        // One read a turn of 20 ms, whoever listens.
        var turns = TimeProvider.System.GetElapsedTime(begun).TotalMilliseconds / 20;
        Assert.That(_service.Redis.Reads - reads, Is.LessThanOrEqualTo(turns + 5));

        foreach (var stream in streams) stream.Dispose();
        await Eventually.HoldsAsync("all have left", () => Task.FromResult(_service.Live.Listeners == 0));
    }

    [Test]
    public async Task A_listener_that_takes_nothing_is_dropped()
    {
        var clock = new ManualTimeProvider();
        var context = new DefaultHttpContext();
        var lifetime = new Lifetime();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(new StuckStream()));
        context.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        var taking = new LiveListener(context, TimeSpan.FromSeconds(5), clock).TakeAsync(new byte[100], CancellationToken.None);
        await Eventually.HoldsAsync("it waits for the client", () => Task.FromResult(clock.Waiting == 1));
        clock.Advance(TimeSpan.FromSeconds(6));
        Assert.That(await taking, Is.False);
        Assert.That(lifetime.Aborted, Is.True);
    }

    [TestCase("POST", "/analytics/live", HttpStatusCode.MethodNotAllowed)]
    [TestCase("HEAD", "/analytics/live", HttpStatusCode.MethodNotAllowed)]
    [TestCase("GET", "/analytics/live?timestamp=1", HttpStatusCode.BadRequest)]
    public async Task Only_a_plain_GET_opens_a_stream(string method, string path, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await _service.Http.SendAsync(request);
        Assert.That(answer.StatusCode, Is.EqualTo(expected));
    }

    private static long CurrentHour => Hours.Of(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());

    private sealed class Lifetime : IHttpRequestLifetimeFeature
    {
        public bool Aborted { get; private set; }

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => Aborted = true;
    }

    /// <summary>Never takes anything.</summary>
    private sealed class StuckStream : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            new(new TaskCompletionSource().Task);
    }

    /// <summary>Reads a stream as a browser does (HTML standard, 9.2.6), heartbeats apart.</summary>
    private sealed class EventStream : IDisposable
    {
        private readonly HttpResponseMessage _answer;
        private readonly StreamReader _reader;

        private EventStream(HttpResponseMessage answer, Stream body) => (_answer, _reader) = (answer, new StreamReader(body));

        public string? ContentType => _answer.Content.Headers.ContentType?.ToString();

        public static async Task<EventStream> OpenAsync(HttpClient http, string? lastEventId = null)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/analytics/live");
            if (lastEventId is not null) request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
            var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            var stream = new EventStream(answer, await answer.Content.ReadAsStreamAsync());
            Assert.That(await stream.BlockAsync(), Is.EqualTo(new[] { "retry: 1000" }));
            return stream;
        }

        public async Task<(string Id, string Name, JsonElement Data, HourCounts Numbers, long HourStart)> NextAsync()
        {
            List<string> block;
            do block = await BlockAsync();
            while (block[0].StartsWith(':'));
            string Field(string name) => block.Single(l => l.StartsWith(name + ": ", StringComparison.Ordinal))[(name.Length + 2)..];
            using var document = JsonDocument.Parse(Field("data"));
            var data = document.RootElement.Clone();
            long Number(string name) => data.GetProperty(name).GetInt64();
            return (Field("id"), Field("event"), data, new HourCounts(Number("unique_users"), Number("clicks"), Number("impressions")), Number("hour_start"));
        }

        public async Task HeartbeatAsync() => Assert.That(await BlockAsync(), Is.EqualTo(new[] { ": heartbeat" }));

        public void Dispose()
        {
            _reader.Dispose();
            _answer.Dispose();
        }

        private async Task<List<string>> BlockAsync()
        {
            var lines = new List<string>();
            while (await _reader.ReadLineAsync().WaitAsync(Eventually.Patience) is { Length: > 0 } line) lines.Add(line);
            return lines;
        }
    }
}
