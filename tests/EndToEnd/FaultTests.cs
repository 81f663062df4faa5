using StackExchange.Redis;
using Tally.Tests.EndToEnd.Load;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>Everything is broken once, under load; at the end all that was acknowledged is counted once, and no answer in between was wrong.</summary>
public sealed class FaultTests
{
    /// <summary>`make chaos ROUNDS=10` goes round more often; once is enough to see that it works.</summary>
    private static readonly int Rounds = int.TryParse(Environment.GetEnvironmentVariable("ROUNDS"), out var rounds) ? rounds : 1;

    private static readonly long Now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() / 3_600_000;

    private Pipeline _pipeline = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _pipeline = await Pipeline.StartAsync();

    [OneTimeTearDown]
    public Task StopAsync() => Pipeline.StopAsync(_pipeline);

    [Test]
    public async Task Kafka_away_for_twenty_seconds_costs_503_but_no_event()
    {
        await UnderLoadAsync(hoursFrom: 1000, async load =>
        {
            await Task.Delay(2_000);
            await _pipeline.Broker.KillAsync();
            await Task.Delay(20_000);
            _pipeline.Broker.Start();
            var accepted = load.Poster.Accepted;
            await Eventually.HoldsAsync("events are accepted again", () => Task.FromResult(load.Poster.Accepted > accepted));
            await Task.Delay(2_000);
            Assert.That(load.Poster.Answers, Contains.Key(System.Net.HttpStatusCode.ServiceUnavailable));
        });
    }

    [Test]
    public async Task Every_process_is_killed_once_under_load_and_nothing_is_lost_or_counted_twice()
    {
        await UnderLoadAsync(hoursFrom: 2000, async _ =>
        {
            IKillable[] victims = [_pipeline.Processor, _pipeline.Materializer, _pipeline.Query, _pipeline.Command, _pipeline.Redis, _pipeline.Broker];
            foreach (var victim in Enumerable.Repeat(victims, Rounds).SelectMany(v => v))
            {
                await Task.Delay(1_500);
                await victim.KillAsync();
                await Task.Delay(500);
                victim.Start();
            }
            await Task.Delay(2_000);
        });
    }

    [Test]
    public async Task An_emptied_Redis_fills_again_and_never_gives_a_part_for_the_whole()
    {
        await UnderLoadAsync(hoursFrom: 3000, async _ =>
        {
            await Task.Delay(1_500);
            await OnRedisAsync("FLUSHALL");
            await Task.Delay(3_000);
        });
        Assert.That(await OnRedisAsync("DBSIZE"), Is.Not.EqualTo("0"));
    }

    [Test]
    public async Task A_late_event_after_its_hour_expired_in_Redis_counts_on_top_of_the_whole()
    {
        const long Hour = 4242;
        var oracle = new HourOracle();
        var poster = new Poster(_pipeline);
        foreach (var e in new EventSource(7).Make(200, 50, [Hour], 0))
        {
            oracle.Count(e);
            await poster.PostAllAsync([e], 1);
        }
        await ReadsAsync(Hour, oracle);

        await OnRedisAsync("DEL", "analytics:hour:1970-06-26T18");
        var late = new PostedEvent(Hour * 3_600_000 + 5, "somebody late", Click: true, Id: null);
        oracle.Count(late);
        await poster.PostAllAsync([late], 1);

        // Until the late event shows, only what was true before may be read: never the late event alone.
        var before = HourBody.Parse(new HourOracle().Body(Hour));
        await Eventually.HoldsAsync("the late event shows", async () =>
        {
            var text = await _pipeline.Http.GetStringAsync(_pipeline.QueryAt($"/analytics?timestamp={Hour * 3_600_000}"));
            var body = HourBody.Parse(text);
            Assert.That(body.Clicks + body.Impressions, Is.GreaterThanOrEqualTo(200), "a part was given for the whole");
            before = body;
            return text == oracle.Body(Hour);
        });
        Assert.That(before.Users, Is.GreaterThan(0));
    }

    private async Task UnderLoadAsync(long hoursFrom, Func<SteadyLoad, Task> faults)
    {
        var seed = (int)(hoursFrom + TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() % 1_000_000);
        await TestContext.Out.WriteLineAsync($"seed {seed}");
        // The current hour and a few of the past; half of them take events with ids.
        long[] hours = [Now, hoursFrom, hoursFrom + 1, hoursFrom + 2, hoursFrom + 3, hoursFrom + 4];
        if (hoursFrom > 1000) hours[0] = hoursFrom + 5;
        await using var load = new SteadyLoad(_pipeline, seed, clients: 24, hours);
        await using var reader = new Reader(_pipeline, load, hours);

        await faults(load);
        await load.StopAsync();

        foreach (var hour in hours)
        {
            var accepted = load.Accepted.Where(e => e.Hour == hour).ToList();
            var least = HourBody.Of(accepted);
            var most = HourBody.Of(accepted.Concat(load.Unknown.Where(e => e.Hour == hour)));
            HourBody body = default;
            await Eventually.HoldsAsync($"hour {hour} holds every event accepted", async () =>
            {
                using var answer = await _pipeline.Http.GetAsync(_pipeline.QueryAt($"/analytics?timestamp={hour * 3_600_000}"));
                if (!answer.IsSuccessStatusCode || answer.Headers.Contains("Tally-Stale")) return false;
                body = HourBody.Parse(await answer.Content.ReadAsStringAsync());
                return body.AtLeast(least);
            });
            await Task.Delay(300);
            body = HourBody.Parse(await _pipeline.Http.GetStringAsync(_pipeline.QueryAt($"/analytics?timestamp={hour * 3_600_000}")));
            Assert.That(most.AtLeast(body), $"hour {hour}: {body}, accepted {least}, with the unknown ones {most}");
        }
        await reader.StopAsync();
        await TestContext.Out.WriteLineAsync($"{load.Poster.Accepted} accepted, {load.Unknown.Count} unknown, {load.Poster.BrokenConnections} broken; {reader.Summary}");
        Assert.Multiple(() =>
        {
            Assert.That(reader.Wrong, Is.Empty);
            Assert.That(reader.Unmarked, Is.GreaterThan(0), "every answer was marked stale");
            Assert.That(load.Poster.Accepted, Is.GreaterThan(0));
            Assert.That(load.Poster.WithoutRetryAfter, Is.Zero, "503 without Retry-After");
            Assert.That(load.Poster.Answers.Keys, Is.SubsetOf((System.Net.HttpStatusCode[])[System.Net.HttpStatusCode.NoContent, System.Net.HttpStatusCode.ServiceUnavailable]));
        });
    }

    private Task ReadsAsync(long hour, HourOracle oracle) =>
        Eventually.HoldsAsync($"hour {hour} reads {oracle.Body(hour)}", async () =>
            await _pipeline.Http.GetStringAsync(_pipeline.QueryAt($"/analytics?timestamp={hour * 3_600_000}")) == oracle.Body(hour));

    private async Task<string?> OnRedisAsync(string command, params object[] arguments)
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{_pipeline.RedisPort},allowAdmin=true");
        return (await redis.GetDatabase().ExecuteAsync(command, arguments)).ToString();
    }
}
