using System.Net;
using System.Text.Json;
using Tally.Tests.Unit.Command;

namespace Tally.Tests.Integration.Command;

/// <summary>Everything that is wrong, through real sockets: refused by name, nothing stored, and the service goes on.</summary>
public sealed class BadInputTests : CommandFixture
{
    private const string Good = "timestamp=1&user=u&click";

    /// <summary>Requests that no client library would send, with the field the answer names.</summary>
    private static readonly (string Name, string Request, int Status, string Field)[] BadRequests =
    [
        ("another path", RawHttp.Post("/nothing"), 404, "path"),
        ("another path below", RawHttp.Post($"/analytics/x?{Good}"), 404, "path"),
        ("a double slash", RawHttp.Post($"//analytics?{Good}"), 404, "path"),
        ("no query", RawHttp.Post("/analytics/"), 400, "timestamp"),
        ("a query string of a megabyte", RawHttp.Post($"/analytics?{Good}&user={new string('a', 1 << 20)}"), 414, "query"),
        ("a request line just too long", RawHttp.Post($"/analytics?{Good}&user={new string('a', 8 * 1024)}"), 414, "query"),
        ("a name of 7 KB", RawHttp.Post($"/analytics?{Good}&{new string('n', 7 * 1024)}"), 400, "query"),
        ("150 headers", RawHttp.Post($"/analytics?{Good}", string.Concat(Enumerable.Range(0, 150).Select(n => $"X-{n}: 1\r\n"))), 431, "headers"),
        ("a header of 40 KB", RawHttp.Post($"/analytics?{Good}", $"X-Long: {new string('x', 40_000)}\r\n"), 431, "headers"),
        ("a header without a name", RawHttp.Post($"/analytics?{Good}", ": 1\r\n"), 400, "request"),
        ("a header over two lines", RawHttp.Post($"/analytics?{Good}", "X-A: 1\r\n 2\r\n"), 400, "request"),
        ("raw bytes beyond ASCII", RawHttp.Post("/analytics?timestamp=1&user=\u00e4&click"), 400, "request"),
        ("a space in the target", RawHttp.Post("/analytics?timestamp=1&user=a b&click"), 400, "request"),
        ("no Host", $"POST /analytics?{Good} HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "Host"),
        ("two Hosts", $"POST /analytics?{Good} HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 400, "Host"),
        ("a Host that is none", $"POST /analytics?{Good} HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n", 400, "Host"),
        ("two lengths", RawHttp.Post($"/analytics?{Good}", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400, "body"),
        ("a length twice", RawHttp.Post($"/analytics?{Good}", "Content-Length: 1\r\nContent-Length: 2\r\n", "x"), 400, "request"),
        ("a negative length", RawHttp.Post($"/analytics?{Good}", "Content-Length: -1\r\n"), 400, "request"),
        ("another coding", RawHttp.Post($"/analytics?{Good}", "Transfer-Encoding: gzip\r\n", "x"), 400, "request"),
        ("a broken chunk", RawHttp.Post($"/analytics?{Good}", "Transfer-Encoding: chunked\r\n", "zz\r\n"), 400, "request"),
        ("HTTP/3.7", $"POST /analytics?{Good} HTTP/3.7\r\nHost: a\r\n\r\n", 505, "version"),
        ("CONNECT to a path", RawHttp.Post($"/analytics?{Good}").Replace("POST", "CONNECT", StringComparison.Ordinal), 405, "method"),
        ("a TLS greeting", "\u0016\u0003\u0001\u0002\r\n\r\n", 400, "request"),
    ];

    /// <summary>Bodies, where none belongs.</summary>
    private static readonly (string Headers, string Body, int Status)[] Bodies =
    [
        ("Content-Length: 1\r\n", "x", 400),
        ("Content-Length: 29\r\nContent-Type: application/x-www-form-urlencoded\r\n", "timestamp=1&user=u&click=true&", 400),
        ("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\n\r\n", 400),
        ($"Content-Length: {100_000}\r\n", new string('x', 100_000), 413),
        ($"Content-Length: {1 << 20}\r\n", new string('x', 1 << 20), 413),
        ("Content-Length: 104857600\r\n", "x", 413),
        ("Content-Length: 104857600\r\nExpect: 100-continue\r\n", "", 413),
    ];

    private static readonly (string Headers, string Query, string Field)[] BadKeys =
    [
        ("Idempotency-Key: a\r\n", $"{Good}&id=b", "id"),
        ("Idempotency-Key: \r\n", Good, "Idempotency-Key"),
        ("Idempotency-Key: a\r\nIdempotency-Key: a\r\n", Good, "Idempotency-Key"),
        ($"Idempotency-Key: {new string('k', 129)}\r\n", Good, "Idempotency-Key"),
    ];

    [Test]
    public Task Bad_input_is_refused_by_name_and_nothing_is_stored() => AllAsync(throughTheDoor: false);

    [Test]
    public Task Bad_input_is_refused_by_name_through_the_door_as_well() => AllAsync(throughTheDoor: true);

    private async Task AllAsync(bool throughTheDoor)
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();
        await using var door = throughTheDoor ? await DoorApp.StartAsync(app.Address) : null;
        var address = door?.Address ?? app.Address;

        // Side by side: a refused connection lingers for a moment, so that its answer is not lost.
        await Parallel.ForEachAsync(Everything(), async (bad, _) =>
        {
            var (status, head, body) = await RawHttp.SendAsync(address, bad.Request);
            Assert.That(status, Is.EqualTo(bad.Status), bad.Name);
            Assert.That(head, Does.Contain("Content-Type: application/problem+json"), bad.Name);
            if (bad.Status == 405) Assert.That(head, Does.Contain("Allow: "), bad.Name);
            if (bad.Name == "HEAD")
            {
                Assert.That(body, Is.Empty);
                return;
            }
            var problem = JsonDocument.Parse(body).RootElement;
            Assert.That(problem.GetProperty("status").GetInt32(), Is.EqualTo(bad.Status), bad.Name);
            Assert.That(problem.GetProperty("field").GetString(), Is.EqualTo(bad.Field), bad.Name);
            Assert.That(problem.GetProperty("errors").GetProperty(bad.Field)[0].GetString(), Is.Not.Empty, bad.Name);
        });

        Assert.That(ReadAll(), Is.Empty, "something was stored");
        Assert.That(await app.StatusOfPostAsync(Good), Is.EqualTo(HttpStatusCode.NoContent), "the service goes on");
    }

    private static IEnumerable<(string Name, string Request, int Status, string Field)> Everything() =>
    [
        .. BadPosts.All.Select(b => (b.Name, RawHttp.Post($"/analytics?{b.Query}"), 400, b.Field)),
        .. BadRequests,
        .. Bodies.Select(b => ($"{b.Headers} {b.Body.Length}", RawHttp.Post($"/analytics?{Good}", b.Headers, b.Body), b.Status, "body")),
        .. BadKeys.Select(b => (b.Headers, RawHttp.Post($"/analytics?{b.Query}", b.Headers), 400, b.Field)),
        .. from method in (string[])["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO"]
           select (method, RawHttp.Post($"/analytics?{Good}").Replace("POST", method, StringComparison.Ordinal), 405, "method"),
    ];
}
