using System.Net;
using System.Text.Json;
using Tally.Tests.Unit.Command;

namespace Tally.Tests.Integration.Command;

/// <summary>Everything that is wrong, through real sockets: refused by name, nothing stored, and the service goes on.</summary>
public sealed class BadInputTests : CommandFixture
{
    private const string Good = "timestamp=1&user=u&click";

    [Test]
    public async Task Bad_input_is_refused_by_name_and_nothing_is_stored()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();

        foreach (var (name, query, field) in BadPosts.All)
        {
            var (status, head, body) = await RawHttp.SendAsync(app.Address, RawHttp.Post($"/analytics?{query}"));
            Assert.That(status, Is.EqualTo(400), name);
            Assert.That(head, Does.Contain("Content-Type: application/problem+json"), name);
            Assert.That(Problem(body).GetProperty("field").GetString(), Is.EqualTo(field), name);
        }
        await CheckBodiesAsync(app);
        await CheckHeadersAsync(app);
        await CheckProtocolAsync(app);

        Assert.That(ReadAll(), Is.Empty, "something was stored");
        Assert.That(await app.StatusOfPostAsync(Good), Is.EqualTo(HttpStatusCode.NoContent), "the service goes on");
    }

    private static async Task CheckBodiesAsync(CommandApp app)
    {
        foreach (var (headers, body, status, field) in ((string, string, int, string?)[])
        [
            ("Content-Length: 1\r\n", "x", 400, "body"),
            ("Content-Length: 29\r\nContent-Type: application/x-www-form-urlencoded\r\n", "timestamp=1&user=u&click=true&", 400, "body"),
            ("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\n\r\n", 400, "body"),
            ("Content-Length: 104857600\r\n", "x", 413, null),
            ("Content-Length: 104857600\r\nExpect: 100-continue\r\n", "", 413, null),
        ])
        {
            var answer = await RawHttp.SendAsync(app.Address, RawHttp.Post($"/analytics?{Good}", headers, body));
            Assert.That(answer.Status, Is.EqualTo(status), headers);
            Assert.That(answer.Head, Does.Contain("application/problem+json"), headers);
            if (field is not null) Assert.That(Problem(answer.Body).GetProperty("field").GetString(), Is.EqualTo(field), headers);
        }
    }

    private static async Task CheckHeadersAsync(CommandApp app)
    {
        foreach (var (headers, query, field) in ((string, string, string)[])
        [
            ("Idempotency-Key: a\r\n", $"{Good}&id=b", "id"),
            ("Idempotency-Key: \r\n", Good, "Idempotency-Key"),
            ("Idempotency-Key: a\r\nIdempotency-Key: a\r\n", Good, "Idempotency-Key"),
            ($"Idempotency-Key: {new string('k', 129)}\r\n", Good, "Idempotency-Key"),
        ])
        {
            var answer = await RawHttp.SendAsync(app.Address, RawHttp.Post($"/analytics?{query}", headers));
            Assert.That(answer.Status, Is.EqualTo(400), headers);
            Assert.That(Problem(answer.Body).GetProperty("field").GetString(), Is.EqualTo(field), headers);
        }
    }

    private static async Task CheckProtocolAsync(CommandApp app)
    {
        foreach (var method in (string[])["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO"])
        {
            var (status, head, body) = await RawHttp.SendAsync(app.Address, RawHttp.Post($"/analytics?{Good}").Replace("POST", method, StringComparison.Ordinal));
            Assert.That(status, Is.EqualTo(405), method);
            Assert.That(head, Does.Contain("Allow: POST").And.Contain("application/problem+json"), method);
            if (method != "HEAD") Assert.That(Problem(body).GetProperty("status").GetInt32(), Is.EqualTo(405), method);
        }
        foreach (var (request, status) in ((string, int)[])
        [
            (RawHttp.Post("/nothing"), 404),
            (RawHttp.Post("/analytics/"), 400),
            (RawHttp.Post($"/analytics?{Good}&user={new string('a', 1024 * 1024)}"), 414),
            (RawHttp.Post($"/analytics?{Good}", string.Concat(Enumerable.Range(0, 150).Select(n => $"X-{n}: 1\r\n"))), 431),
            (RawHttp.Post("/analytics?timestamp=1&user=\u00e4&click"), 400),
            (RawHttp.Post("/analytics?timestamp=1&user=a b&click"), 400),
            ($"POST /analytics?{Good} HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
            ($"POST /analytics?{Good} HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 400),
            (RawHttp.Post($"/analytics?{Good}", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
            ("\u0016\u0003\u0001\u0002\r\n\r\n", 400),
        ])
        {
            var answer = await RawHttp.SendAsync(app.Address, request);
            Assert.That(answer.Status, Is.EqualTo(status), request[..Math.Min(request.Length, 120)]);
        }
    }

    private static JsonElement Problem(string body) => JsonDocument.Parse(body).RootElement;
}
