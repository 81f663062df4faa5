using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Tally.Tests.Integration.Command;

/// <summary>Clients that send almost nothing, or leave in the middle: they hold nobody up and nothing of theirs is stored.</summary>
public sealed class SlowClientTests : CommandFixture
{
    private const string Good = "timestamp=1&user=u&click";
    private const int Clients = 50;

    /// <summary>Requests that stop in the middle; the first three before their headers end.</summary>
    private static readonly string[] Begun =
    [
        "POST /analy",
        $"POST /analytics?{Good} HTTP/1.1\r\n",
        $"POST /analytics?{Good} HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        RawHttp.Post($"/analytics?{Good}", "Transfer-Encoding: chunked\r\n"),
        RawHttp.Post($"/analytics?{Good}", "Transfer-Encoding: chunked\r\n", "5\r\nab"),
        RawHttp.Post($"/analytics?{Good}", "Content-Length: 10\r\n", "abc"),
    ];

    [Test]
    public async Task Slow_headers_and_slow_bodies_end_by_themselves_while_others_are_served()
    {
        TimeSpan? headers = null;
        MinDataRate? rate = null;
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers, limits =>
        {
            (headers, rate) = (limits.RequestHeadersTimeout, limits.MinRequestBodyDataRate);
            limits.RequestHeadersTimeout = TimeSpan.FromSeconds(2);
            limits.MinRequestBodyDataRate = new MinDataRate(240, TimeSpan.FromSeconds(2));
        });
        await app.ReadyAsync();
        Assert.That(headers, Is.EqualTo(TimeSpan.FromSeconds(15)), "what is set without a test");
        Assert.That(rate!.BytesPerSecond, Is.EqualTo(16_384), "a body holds its place in memory");

        // RawHttp waits until the server closes.
        var slow = Enumerable.Range(0, Clients).SelectMany(_ => Begun).Select(begun => RawHttp.SendAsync(app.Address, begun)).ToList();
        Assert.That(await app.StatusOfPostAsync(Good), Is.EqualTo(HttpStatusCode.NoContent), "others are served");
        Assert.That(slow.Count(s => s.IsCompleted), Is.LessThan(slow.Count), "the slow ones were gone before");

        var answers = await Task.WhenAll(slow);
        foreach (var (status, head, body) in answers)
        {
            Assert.That(status, Is.AnyOf(408, 400), head);
            Assert.That(head, Does.Contain("Content-Type: application/problem+json"));
            Assert.That(JsonDocument.Parse(body).RootElement.GetProperty("field").GetString(), Is.EqualTo(status == 408 ? "request" : "body"));
        }
        Assert.That(answers.Count(a => a.Status == 408), Is.EqualTo(4 * Clients), "those whose headers or chunk never came");
        Assert.That(ReadAll(), Has.Count.EqualTo(1), "only the event of the quick client");
    }

    [Test]
    public async Task A_connection_closed_in_the_middle_leaves_nothing_behind()
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();

        await Parallel.ForEachAsync(Enumerable.Range(0, Clients).SelectMany(_ => Begun), async (begun, cancellation) =>
        {
            using var client = new TcpClient { NoDelay = true };
            await client.ConnectAsync(app.Address.Host, app.Address.Port, cancellation);
            await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(begun), cancellation);
            // Every other one is reset instead of closed.
            if (begun.Length % 2 == 0) client.LingerState = new LingerOption(true, 0);
        });

        Assert.That(await app.StatusOfPostAsync(Good), Is.EqualTo(HttpStatusCode.NoContent), "the service goes on");
        Assert.That(ReadAll(), Has.Count.EqualTo(1), "something of theirs was stored");
    }
}
