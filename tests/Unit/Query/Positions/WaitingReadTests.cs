using System.Net;
using Tally.QueryService.Positions;
using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query.Positions;

/// <summary>Reads that wait for an event, over HTTP and sources that do what the test says.</summary>
public sealed class WaitingReadTests
{
    private static readonly HourCounts Old = new(1, 1, 0);
    private static readonly HourCounts New = new(2, 2, 0);

    private QueryServiceOverHttp _service = null!;

    [SetUp]
    public async Task StartAsync() => _service = await QueryServiceOverHttp.StartAsync();

    [TearDown]
    public async Task StopAsync() => await _service.DisposeAsync();

    [Test]
    public async Task What_is_there_already_is_answered_without_asking_the_topic()
    {
        Has(_service.Redis, New, next: 10);
        using var answer = await GetAsync("0.9", "");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(_service.Log.Checks, Is.Zero);
    }

    [Test]
    public async Task A_read_waits_until_Redis_has_come_beyond_the_event()
    {
        Has(_service.Redis, Old, next: 9);
        Has(_service.Archive, Old, next: 5);
        var waiting = GetAsync("0.9", "wait=10000");
        await Eventually.HoldsAsync("Redis is asked again and again", () => Task.FromResult(_service.Redis.Reads > 5));
        Assert.That(waiting.IsCompleted, Is.False);

        Has(_service.Redis, New, next: 10);
        using var answer = await waiting;
        Assert.That(await answer.Content.ReadAsStringAsync(), Is.EqualTo("unique_users,2\nclicks,2\nimpressions,0\n"));
        Assert.That(answer.Headers.Contains("Tally-Stale"), Is.False);
    }

    [Test]
    public async Task A_source_that_is_behind_does_not_answer_while_another_one_is_there()
    {
        Has(_service.Redis, Old, next: 9);
        Has(_service.Archive, New, next: 10);
        using var answer = await GetAsync("0.9", "wait=10000");
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.StartWith("unique_users,2\n"));
    }

    [Test]
    public async Task Redis_being_there_says_nothing_when_it_lacks_the_hour()
    {
        // Emptied meanwhile: progress is there again, the hour is not.
        _service.Redis.Has(HourState.Incomplete, default, Progress(10));
        Has(_service.Archive, Old, next: 9);
        var waiting = GetAsync("0.9", "wait=10000");
        await Eventually.HoldsAsync("the archive is asked again and again", () => Task.FromResult(_service.Archive.Reads > 5));
        Assert.That(waiting.IsCompleted, Is.False);

        Has(_service.Archive, New, next: 10);
        using var answer = await waiting;
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.StartWith("unique_users,2\n"));
    }

    [TestCase("wait=50")]
    [TestCase("wait=0")]
    public async Task Past_the_limit_it_is_504(string limit)
    {
        Has(_service.Redis, Old, next: 9);
        Has(_service.Archive, Old, next: 9);
        using var answer = await GetAsync("0.9", limit);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.GatewayTimeout));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("position-not-reached"));
    }

    [Test]
    public async Task Past_the_limit_an_older_answer_is_marked_for_who_takes_it()
    {
        Has(_service.Redis, Old, next: 9);
        Has(_service.Archive, Old, next: 9);
        using var answer = await GetAsync("0.9", "wait=50&on-timeout=stale");
        Assert.Multiple(async () =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(await answer.Content.ReadAsStringAsync(), Does.StartWith("unique_users,1\n"));
            Assert.That(long.Parse(answer.Headers.GetValues("Tally-Stale").Single(), System.Globalization.CultureInfo.InvariantCulture), Is.Positive);
        });
    }

    [TestCase(PositionCheck.UnknownPartition, "unknown-partition")]
    [TestCase(PositionCheck.BeyondEnd, "position-beyond-end")]
    public async Task What_was_never_written_is_refused_at_once(PositionCheck check, string code)
    {
        Has(_service.Redis, Old, next: 9);
        _service.Log.Answer = _ => Task.FromResult(check);
        using var answer = await GetAsync("0.9", "wait=10000").WaitAsync(TimeSpan.FromSeconds(8));
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain(code));
    }

    [TestCase("wait=0")]
    [TestCase("wait=0&on-timeout=stale")]
    public async Task What_was_never_written_is_refused_to_who_does_not_wait_as_well(string limit)
    {
        Has(_service.Redis, Old, next: 9);
        _service.Log.Answer = async _ =>
        {
            // A real log answers a little later.
            await Task.Delay(20);
            return PositionCheck.BeyondEnd;
        };
        using var answer = await GetAsync("0.9", limit);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [TestCase("wait=0", HttpStatusCode.GatewayTimeout)]
    [TestCase("wait=0&on-timeout=stale", HttpStatusCode.OK)]
    public async Task A_log_that_does_not_answer_refuses_nothing(string limit, HttpStatusCode expected)
    {
        Has(_service.Redis, Old, next: 9);
        Has(_service.Archive, Old, next: 9);
        _service.Log.Answer = _ => new TaskCompletionSource<PositionCheck>().Task;
        using var answer = await GetAsync("0.9", limit);
        Assert.That(answer.StatusCode, Is.EqualTo(expected));
    }

    [TestCase(4_999, true)]
    [TestCase(5_000, false)]
    public void Reads_that_wait_must_leave_places_to_others(int waiting, bool accepted)
    {
        var check = new PositionOptionsCheck(Microsoft.Extensions.Options.Options.Create(new QueryOptions()));
        var result = check.Validate(null, new PositionOptions { MaxWaiting = waiting });
        Assert.That(result.Succeeded, Is.EqualTo(accepted));
        if (!accepted) Assert.That(result.FailureMessage, Does.StartWith("Positions:MaxWaiting is 5000 and Query:MaxRequests 5000: "));
    }

    [Test]
    public async Task Reading_does_not_depend_on_Kafka()
    {
        Has(_service.Redis, Old, next: 9);
        _service.Log.Answer = _ => new TaskCompletionSource<PositionCheck>().Task;
        var waiting = GetAsync("0.9", "wait=10000");
        await Eventually.HoldsAsync("Redis is asked again and again", () => Task.FromResult(_service.Redis.Reads > 5));
        Has(_service.Redis, New, next: 10);
        using var answer = await waiting;
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task However_many_wait_the_sources_are_asked_by_one()
    {
        Has(_service.Redis, Old, next: 9);
        Has(_service.Archive, Old, next: 9);
        Task<HttpResponseMessage>[] waiting = [.. Enumerable.Range(0, 200).Select(_ => GetAsync("0.9", "wait=10000"))];
        await Eventually.HoldsAsync("all wait", () => Task.FromResult(_service.Log.Checks == 200));
        Has(_service.Redis, New, next: 10);
        var before = _service.Redis.Reads;
        foreach (var answer in await Task.WhenAll(waiting))
        {
            using (answer) Assert.That(await answer.Content.ReadAsStringAsync(), Does.StartWith("unique_users,2\n"));
        }
        Assert.That(_service.Redis.Reads - before, Is.LessThan(50));
    }

    private static SourceProgress Progress(long next) =>
        new(1, [new(1, 0, next, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + 60_000, 0)]);

    private static void Has(FakeSource source, HourCounts counts, long next) => source.Has(HourState.Complete, counts, Progress(next));

    private async Task<HttpResponseMessage> GetAsync(string position, string query)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/analytics?timestamp=1&{query}");
        request.Headers.Add("Tally-Position", position);
        return await _service.Http.SendAsync(request);
    }
}
