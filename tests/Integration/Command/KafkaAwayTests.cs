using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Command;

public sealed class KafkaAwayTests : CommandFixture
{
    [Test]
    public async Task While_Kafka_is_away_posts_get_503_and_every_204_is_stored_exactly_once()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers, ("Ingest:DeliveryTimeout", "00:00:02"));
        await app.ReadyAsync();
        var accepted = new HashSet<long>();
        var refused = 0;
        using var stop = new CancellationTokenSource();
        var next = 0L;
        var load = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var n = Interlocked.Increment(ref next);
                using var answer = await app.PostAsync($"timestamp={n}&user=u{n % 50}&click");
                if (answer.StatusCode == HttpStatusCode.NoContent)
                {
                    lock (accepted) accepted.Add(n);
                    continue;
                }
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
                Assert.That(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, Is.InRange(1, 30));
                Interlocked.Increment(ref refused);
                await Task.Delay(20);
            }
        })).ToList();

        await Eventually.HoldsAsync("events are stored", () => Task.FromResult(accepted.Count > 500));
        var comeBack = await TakeBrokerAwayAsync();
        await Eventually.HoldsAsync("posts are refused at once", async () =>
        {
            var begun = Stopwatch.GetTimestamp();
            var status = await app.StatusOfPostAsync("timestamp=0&user=u&click");
            return status == HttpStatusCode.ServiceUnavailable && Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(1);
        });
        Assert.That((await app.Http.GetAsync(new Uri("/health/ready", UriKind.Relative))).StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That((await app.Http.GetAsync(new Uri("/health/live", UriKind.Relative))).StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await comeBack();
        var before = accepted.Count;
        await Eventually.HoldsAsync("events are stored again", () => Task.FromResult(accepted.Count > before + 500));
        await stop.CancelAsync();
        await Task.WhenAll(load);

        var stored = ReadEvents().GroupBy(e => e.TimestampMs).ToDictionary(g => g.Key, g => g.Count());
        Assert.Multiple(() =>
        {
            Assert.That(refused, Is.Positive);
            Assert.That(accepted.Where(n => !stored.ContainsKey(n)), Is.Empty, "acknowledged and lost");
            Assert.That(stored.Where(s => s.Key != 0 && s.Value > 1).Select(s => s.Key), Is.Empty, "stored twice");
        });
    }

    [Test]
    public async Task An_event_Kafka_does_not_confirm_in_time_gets_503_that_says_it_may_be_stored()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers, ("Ingest:DeliveryTimeout", "00:00:01"));
        await app.ReadyAsync();
        Broker.Server.OnNext(ApiKey.Produce, Fault.Delay(TimeSpan.FromSeconds(6)));
        using var answer = await app.PostAsync("timestamp=1&user=u&click");
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(answer.Headers.RetryAfter, Is.Not.Null);
            Assert.That(problem.GetProperty("type").GetString(), Is.EqualTo("urn:tally:problem:not-confirmed"));
            Assert.That(problem.GetProperty("detail").GetString(), Does.Contain("with an id"));
        });
        await Eventually.HoldsAsync("events are taken again", async () => await app.StatusOfPostAsync("timestamp=2&user=u&click") == HttpStatusCode.NoContent);
    }

    [Test]
    public async Task A_connection_that_breaks_over_an_answer_neither_loses_nor_doubles_an_event()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();
        Assert.That(await app.StatusOfPostAsync("timestamp=1&user=u&click"), Is.EqualTo(HttpStatusCode.NoContent));
        Broker.Server.OnNext(ApiKey.Produce, Fault.CloseAfter);
        var second = await app.StatusOfPostAsync("timestamp=2&user=u&click");
        await Eventually.HoldsAsync("events are taken", async () => await app.StatusOfPostAsync("timestamp=3&user=u&click") == HttpStatusCode.NoContent);

        var stored = ReadEvents().Select(e => e.TimestampMs).ToList();
        Assert.Multiple(() =>
        {
            Assert.That(second, Is.AnyOf(HttpStatusCode.NoContent, HttpStatusCode.ServiceUnavailable));
            Assert.That(stored.Count(t => t == 1), Is.EqualTo(1));
            Assert.That(stored.Count(t => t == 2), Is.EqualTo(1), "the broker had carried it out");
        });
    }

    [Test]
    public async Task A_producer_that_failed_for_good_is_replaced_and_its_events_are_answered_at_once()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();
        Broker.Server.OnNext(ApiKey.Produce, Fault.Delay(TimeSpan.FromSeconds(3)));
        var post = app.PostAsync("timestamp=1&user=u&click");
        await Eventually.HoldsAsync("the event is under way", () => Task.FromResult(app.Producer.Session.InFlight == 1));

        var (old, lost) = app.Producer.Replace();
        using var answer = await post;

        Assert.That(lost, Is.EqualTo(1));
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("urn:tally:problem:not-confirmed"));
        Assert.That(await app.StatusOfPostAsync("timestamp=2&user=u&click"), Is.EqualTo(HttpStatusCode.NoContent), "the new one takes events");
        old.Dispose();
        Assert.That(ReadEvents().Count(e => e.TimestampMs == 2), Is.EqualTo(1));
        Assert.That(ReadEvents().Count(e => e.TimestampMs == 1), Is.LessThanOrEqualTo(1), "never sent again by us");
    }

    [Test]
    public async Task More_events_under_way_than_allowed_get_503()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers, ("Ingest:MaxInFlight", "1"));
        await app.ReadyAsync();
        Broker.Server.OnNext(ApiKey.Produce, Fault.Delay(TimeSpan.FromSeconds(1)));
        var first = app.StatusOfPostAsync("timestamp=1&user=u&click");
        await Eventually.HoldsAsync("the first is under way", () => Task.FromResult(app.Producer.Session.InFlight == 1));

        using var second = await app.PostAsync("timestamp=2&user=u&click");
        var problem = JsonDocument.Parse(await second.Content.ReadAsStringAsync()).RootElement;
        Assert.That(second.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(problem.GetProperty("type").GetString(), Is.EqualTo("urn:tally:problem:overloaded"));
        Assert.That(await first, Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(await app.StatusOfPostAsync("timestamp=3&user=u&click"), Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(ReadEvents().Select(e => e.TimestampMs), Is.EquivalentTo(new[] { 1L, 3L }));
    }

    [Test]
    public async Task A_service_that_starts_before_Kafka_refuses_and_then_takes_events()
    {
        var comeBack = await TakeBrokerAwayAsync();
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        Assert.That(await app.StatusOfPostAsync("timestamp=1&user=u&click"), Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That((await app.Http.GetAsync(new Uri("/health/ready", UriKind.Relative))).StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        await comeBack();
        await app.ReadyAsync();
        Assert.That(await app.StatusOfPostAsync("timestamp=2&user=u&click"), Is.EqualTo(HttpStatusCode.NoContent));
        Assert.That(ReadEvents().Select(e => e.TimestampMs), Is.EqualTo(new[] { 2L }));
    }

    [Test]
    public async Task A_service_that_starts_before_its_topics_does_not_bring_them_into_being()
    {
        await using var broker = await TestBroker.StartAsync(o => o with { AutoCreateTopics = true });
        await using var app = await CommandApp.StartAsync(broker.BootstrapServers);
        await Eventually.HoldsAsync("readiness says that the topic is missing", async () =>
        {
            using var answer = await app.Http.GetAsync(new Uri("/health/ready", UriKind.Relative));
            return (await answer.Content.ReadAsStringAsync()).Contains("topic analytics.events does not exist", StringComparison.Ordinal);
        });
        // It would exist by now, with one partition.
        await broker.CreateTopicAsync(Topic, Partitions);
        await app.ReadyAsync();
        Assert.That(await app.StatusOfPostAsync("timestamp=1&user=u&click"), Is.EqualTo(HttpStatusCode.NoContent));
    }

    [TestCase("Kafka:Partitions", "4", "has 8 partitions, Kafka:Partitions says 4")]
    [TestCase("Kafka:Topics:Events", "missing", "topic missing does not exist")]
    public async Task A_topic_that_is_not_as_set_is_said_and_no_event_taken(string key, string value, string why)
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers, (key, value));
        await Eventually.HoldsAsync($"readiness says that {why}", async () =>
        {
            using var answer = await app.Http.GetAsync(new Uri("/health/ready", UriKind.Relative));
            return (await answer.Content.ReadAsStringAsync()).Contains(why, StringComparison.Ordinal);
        });
        Assert.That(await app.StatusOfPostAsync("timestamp=1&user=u&click"), Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(ReadAll(), Is.Empty);
    }
}
