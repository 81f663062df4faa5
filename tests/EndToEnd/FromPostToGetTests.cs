using System.Net;
using Tally.Tests.EndToEnd.Load;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>The main job: what was posted is what is read, hour by hour, against an independent count; on local-broker and on Kafka.</summary>
[TestFixture(false, TestName = "FromPostToGet(local-broker)")]
[TestFixture(true, TestName = "FromPostToGet(Kafka)")]
public sealed class FromPostToGetTests(bool realKafka)
{
    private Pipeline _pipeline = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        if (realKafka && RealKafka.Reason() is { } reason) Assert.Ignore(reason);
        _pipeline = await Pipeline.StartAsync(realKafka: realKafka);
    }

    [OneTimeTearDown]
    public Task StopAsync() => Pipeline.StopAsync(_pipeline);

    [TearDown]
    public void TellTheEnd() => Assert.That(_pipeline.Services, Has.All.Property(nameof(ServiceProcess.Running)).True);

    [Test, Order(1)]
    public async Task An_hour_without_events_is_zero()
    {
        // A system this young answers 503 until the first heartbeat has told every partition's progress: it does not claim what it cannot know.
        HttpResponseMessage answer = null!;
        await Eventually.HoldsAsync("an hour is answered", async () =>
        {
            answer = await _pipeline.Http.GetAsync(_pipeline.QueryAt("/analytics?timestamp=999999999999"));
            return answer.StatusCode != HttpStatusCode.ServiceUnavailable;
        });

        Assert.Multiple(() =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(answer.Content.Headers.ContentType?.ToString(), Is.EqualTo("text/plain; charset=utf-8"));
        });
        Assert.That(await answer.Content.ReadAsStringAsync(), Is.EqualTo("unique_users,0\nclicks,0\nimpressions,0\n"));
    }

    [Test, Order(2)]
    public async Task Twenty_thousand_events_over_thirty_hours_are_counted_exactly()
    {
        var seed = Environment.TickCount;
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        var now = DateTimeOffset.Parse("2026-01-01T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
        now = Math.Max(now, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()) / 3_600_000;
        long[] hours = [0, 1, .. Enumerable.Range(1, 13).Select(n => now - n * 11), now, .. Enumerable.Range(2, 14).Select(n => (long)n * 9999)];
        Assert.That(hours.Distinct().Count(), Is.EqualTo(30));

        var events = new EventSource(seed).Make(20_000, 3_000, hours, retries: 0.2);
        var oracle = new HourOracle();
        foreach (var e in events) oracle.Count(e);
        await new Poster(_pipeline).PostAllAsync(events, connections: 64);

        foreach (var hour in hours.Append(now + 1))
        {
            var expected = oracle.Body(hour);
            var body = "";
            await Eventually.HoldsAsync($"hour {hour} reads {expected}", async () =>
                (body = await _pipeline.Http.GetStringAsync(_pipeline.QueryAt($"/analytics?timestamp={hour * 3_600_000 + 1_234_567}"))) == expected);
        }
        await AccountingAddsUpAsync(events.Count);
    }

    [Test, Order(3)]
    public async Task Hours_and_days_are_those_of_GMT_wherever_the_processes_live()
    {
        // Clocks go forward in St. John's and back on Lord Howe; Kiritimati is a day ahead; a year and a week 53 end.
        string[] moments = ["2026-03-08T05:59:59.999Z", "2026-03-08T06:00:00Z", "2026-04-04T14:59:59.999Z", "2026-04-04T15:00:00Z", "2020-12-31T23:59:59.999Z", "2021-01-01T00:00:00Z", "2021-01-03T23:59:59.999Z"];
        var events = moments.Select(m => new PostedEvent(DateTimeOffset.Parse(m, System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeMilliseconds(), $"abroad {m}", Click: true, Id: m)).ToList();
        var oracle = new HourOracle();
        foreach (var e in events) oracle.Count(e);
        await new Poster(_pipeline).PostAllAsync(events, connections: 4);

        foreach (var hour in events.Select(e => e.Hour).Distinct())
            await Eventually.HoldsAsync($"hour {hour} reads {oracle.Body(hour)}", async () =>
                await _pipeline.Http.GetStringAsync(_pipeline.QueryAt($"/analytics?timestamp={hour * 3_600_000}")) == oracle.Body(hour));
        foreach (var day in events.GroupBy(e => e.Hour / 24))
        {
            var from = day.Key * 24 * 3_600_000;
            await Eventually.HoldsAsync($"the day that begins at {from} holds {day.Count()} clicks", async () =>
            {
                using var answer = System.Text.Json.JsonDocument.Parse(await _pipeline.Http.GetStringAsync(_pipeline.QueryAt($"/analytics/range?from={from}&to={from + 86_400_000}&step=day")));
                var series = answer.RootElement.GetProperty("series");
                Assert.That((series.GetArrayLength(), answer.RootElement.GetProperty("from").GetInt64()), Is.EqualTo((1, from)));
                return series[0].GetProperty("clicks").GetInt64() == day.Count();
            });
        }
    }

    [Test, Order(3)]
    public async Task Json_is_answered_to_who_asks_for_it()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, _pipeline.QueryAt("/analytics?timestamp=123"));
        request.Headers.Accept.ParseAdd("application/json");
        using var answer = await _pipeline.Http.SendAsync(request);
        var json = System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        var text = HourBody.Parse(await _pipeline.Http.GetStringAsync(_pipeline.QueryAt("/analytics?timestamp=123")));

        Assert.That(json.GetProperty("unique_users").GetInt64(), Is.EqualTo(text.Users).And.GreaterThan(0));
    }

    [Test, Order(4)]
    public async Task One_door_leads_writes_to_command_and_reads_to_query()
    {
        _pipeline.Door.Start();
        await Eventually.HoldsAsync("the door is ready", async () =>
            (await _pipeline.Http.GetAsync(_pipeline.DoorAt("/health/ready"))).IsSuccessStatusCode);
        const string Escaped = "/analytics?timestamp=777600000123&user=%C3%BC%2B%26%20x&impression";

        using var posted = await _pipeline.Http.PostAsync(_pipeline.DoorAt(Escaped), null);
        using var refused = await _pipeline.Http.PostAsync(_pipeline.DoorAt("/analytics?timestamp=1&user=%FF&click"), null);

        Assert.Multiple(() =>
        {
            Assert.That(posted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
            Assert.That(posted.Headers.Contains("Tally-Position"));
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(refused.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"));
        });
        await Eventually.HoldsAsync("the event shows through the door", async () =>
            await _pipeline.Http.GetStringAsync(_pipeline.DoorAt("/analytics?timestamp=777600000123")) == "unique_users,1\nclicks,0\nimpressions,1\n");

        await _pipeline.Command.KillAsync();
        using var away = await _pipeline.Http.PostAsync(_pipeline.DoorAt(Escaped), null);
        Assert.That(away.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(away.Headers.RetryAfter, Is.Not.Null);
        _pipeline.Command.Start();
        await _pipeline.ReadyAsync();
    }

    [Test, Order(9)]
    public async Task Every_service_ends_cleanly_when_asked_to()
    {
        foreach (var service in _pipeline.Services)
        {
            var code = await service.StopAsync(TimeSpan.FromSeconds(10));
            Assert.That(code, Is.Zero, () => $"{service.Name} on SIGTERM\n{service.Log}");
        }
        foreach (var service in _pipeline.Services) service.Start();
        await _pipeline.ReadyAsync();
    }

    private async Task AccountingAddsUpAsync(int posted)
    {
        var json = "";
        await Eventually.HoldsAsync($"accounting knows of {posted} events", async () =>
        {
            json = await _pipeline.Http.GetStringAsync(_pipeline.QueryAt("/accounting"));
            return Sum(json) == posted;
        });

        static long Sum(string json)
        {
            var outcomes = System.Text.Json.JsonDocument.Parse(json).RootElement.GetProperty("jobs")[0].GetProperty("outcomes");
            return outcomes.GetProperty("counted").GetInt64() + outcomes.GetProperty("duplicate").GetInt64();
        }
    }
}
