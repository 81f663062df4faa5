using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

/// <summary>POST /analytics/batch over real sockets and a real broker.</summary>
public sealed class BatchTests : CommandFixture
{
    private const string Good = """{"timestamp":1000,"user":"ada","event":"click"}""";

    [TestCase("application/x-ndjson", "A\nX\nA\n")]
    [TestCase("application/json", "[A,X,A]")]
    [TestCase("application/json; charset=utf-8", "[A,X,A]")]
    public async Task What_is_right_is_stored_and_what_is_wrong_is_told_by_its_index(string type, string form)
    {
        await using var app = await ReadyAsync();
        using var answer = await PostAsync(app, form.Replace("A", Good, StringComparison.Ordinal).Replace("X", """{"timestamp":-5,"user":"x","event":"click"}""", StringComparison.Ordinal), type);
        var body = await JsonAsync(answer);

        Assert.Multiple(() =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(body.GetProperty("accepted").GetInt32(), Is.EqualTo(2));
            Assert.That(body.GetProperty("refused").EnumerateArray().Select(r => (r.GetProperty("index").GetInt32(), r.GetProperty("field").GetString())),
                Is.EqualTo(new[] { (1, "timestamp") }));
        });
        var stored = ReadAll();
        Assert.That(stored, Has.Count.EqualTo(2));
        var furthest = stored.MaxBy(r => r.Offset.Value)!;
        Assert.That(answer.Headers.GetValues("Tally-Position").Single(), Is.EqualTo(FormattableString.Invariant($"{furthest.Partition.Value}.{furthest.Offset.Value}")));
    }

    [Test]
    public async Task A_hundred_thousand_items_are_stored_once_each_and_one_more_is_too_many()
    {
        await using var app = await ReadyAsync();
        using var answer = await PostAsync(app, new Generated(100_001), "application/x-ndjson");
        var body = await JsonAsync(answer);
        Assert.Multiple(() =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
            Assert.That(body.GetProperty("accepted").GetInt32(), Is.EqualTo(100_000));
            Assert.That(body.GetProperty("next_index").GetInt32(), Is.EqualTo(100_000));
        });
        var stored = ReadEvents();
        Assert.That(stored.Select(e => e.TimestampMs).Order(), Is.EqualTo(Enumerable.Range(0, 100_000).Select(i => (long)i)));
    }

    [Test]
    public async Task A_body_beyond_the_limit_keeps_what_came_before()
    {
        await using var app = await ReadyAsync(("Batch:MaxBytes", "65536"));
        using var announced = await PostAsync(app, new string(' ', 65_537), "application/json");
        Assert.That(announced.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
        using var answer = await PostAsync(app, new Generated(10_000), "application/x-ndjson");
        var body = await JsonAsync(answer);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
        var accepted = body.GetProperty("accepted").GetInt32();
        Assert.That(ReadEvents().Select(e => e.TimestampMs).Order(), Is.EqualTo(Enumerable.Range(0, accepted).Select(i => (long)i)));
        Assert.That(body.GetProperty("next_index").GetInt32(), Is.EqualTo(accepted));
    }

    [Test]
    public async Task While_Kafka_is_away_every_item_is_unavailable()
    {
        await using var app = await ReadyAsync();
        await TakeBrokerAwayAsync();
        await Eventually.HoldsAsync("the service has noticed", () => Task.FromResult(app.Producer.Obstacle is not null));
        using var answer = await PostAsync(app, $"{Good}\n{{}}\n{Good}\n", "application/x-ndjson");
        var body = await JsonAsync(answer);
        Assert.Multiple(() =>
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(answer.Headers.RetryAfter?.Delta, Is.InRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30)));
            Assert.That(body.GetProperty("accepted").GetInt32(), Is.Zero);
            Assert.That(body.GetProperty("refused").EnumerateArray().Select(r => r.GetProperty("code").GetString()),
                Is.EqualTo(new[] { "unavailable", "invalid-timestamp", "unavailable" }));
        });
    }

    [Test]
    public async Task More_than_may_be_under_way_is_sent_as_room_comes()
    {
        await using var app = await ReadyAsync(("Ingest:MaxInFlight", "7"), ("Batch:Window", "50"));
        using var answer = await PostAsync(app, new Generated(2_000), "application/x-ndjson");
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK), await answer.Content.ReadAsStringAsync());
        Assert.That(ReadEvents(), Has.Count.EqualTo(2_000));
    }

    [Test]
    public async Task Bad_bodies_are_refused_and_store_nothing()
    {
        await using var app = await ReadyAsync();
        foreach (var (text, type, status) in new (string, string, HttpStatusCode)[]
        {
            ("", "application/json", HttpStatusCode.BadRequest), ("\n\r\n", "application/x-ndjson", HttpStatusCode.BadRequest),
            ("[", "application/json", HttpStatusCode.BadRequest), (Good, "text/xml", HttpStatusCode.UnsupportedMediaType),
            (Good, "application/x-www-form-urlencoded", HttpStatusCode.UnsupportedMediaType), ("[]", "application/json", HttpStatusCode.OK),
            (new string('[', 10_000), "application/json", HttpStatusCode.BadRequest), ("nonsense", "application/json", HttpStatusCode.OK),
        })
        {
            using var answer = await PostAsync(app, text, type);
            Assert.That(answer.StatusCode, Is.EqualTo(status), $"{type}: {text}");
        }
        foreach (var (name, value) in new[] { ("Content-Encoding", "gzip"), ("Idempotency-Key", "k") })
        {
            using var content = new StringContent(Good, Encoding.UTF8, "application/x-ndjson");
            using var request = new HttpRequestMessage(HttpMethod.Post, "/analytics/batch") { Content = content };
            if (!request.Headers.TryAddWithoutValidation(name, value)) content.Headers.TryAddWithoutValidation(name, value);
            using var answer = await app.Http.SendAsync(request);
            Assert.That((int)answer.StatusCode, Is.AnyOf(400, 415), name);
        }
        using var get = await app.Http.GetAsync("/analytics/batch");
        Assert.That((get.StatusCode, get.Content.Headers.Allow.Single()), Is.EqualTo((HttpStatusCode.MethodNotAllowed, "POST")));
        Assert.That(ReadAll(), Is.Empty);
    }

    [Test]
    public async Task A_body_that_breaks_off_tells_what_was_taken_of_it()
    {
        await using var app = await ReadyAsync();
        var chunk = $"{Good}\n";
        var (status, _, body) = await RawHttp.SendAsync(app.Address, RawHttp.Post("/analytics/batch",
            "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n", $"{chunk.Length:x}\r\n{chunk}\r\nZZ\r\n"));
        Assert.That(status, Is.EqualTo(400));
        Assert.That(body, Does.Contain("malformed-body"));
        // Whether the server hands on the first chunk before it finds the second one broken depends on how they arrive.
        Assert.That(body, Does.Contain(FormattableString.Invariant($"\"accepted\":{ReadAll().Count},")));
    }

    private async Task<CommandApp> ReadyAsync(params (string Key, string Value)[] settings)
    {
        var app = await CommandApp.StartAsync(Broker.BootstrapServers, settings);
        await app.ReadyAsync();
        return app;
    }

    private static Task<HttpResponseMessage> PostAsync(CommandApp app, string text, string type) =>
        PostAsync(app, new ByteArrayContent(Encoding.UTF8.GetBytes(text)), type);

    private static async Task<HttpResponseMessage> PostAsync(CommandApp app, HttpContent content, string type)
    {
        using (content)
        {
            content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
            return await app.Http.PostAsync("/analytics/batch", content);
        }
    }

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage answer)
    {
        using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return document.RootElement.Clone();
    }

    /// <summary>Items made while they are sent, each with a timestamp of its own; of unknown length.</summary>
    private sealed class Generated(int count) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var piece = new StringBuilder();
            for (var i = 0; i < count; i++)
            {
                piece.Append(CultureInfo.InvariantCulture, $$"""{"timestamp":{{i}},"user":"user-{{i % 1000}}","event":"click"}""").Append('\n');
                if (piece.Length < 32_000 && i < count - 1) continue;
                await stream.WriteAsync(Encoding.UTF8.GetBytes(piece.ToString()));
                piece.Clear();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
