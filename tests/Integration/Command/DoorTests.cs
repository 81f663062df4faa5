using System.Net;
using System.Net.Sockets;
using System.Text;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

/// <summary>What the door of the local mode does beside handing on.</summary>
public sealed class DoorTests : CommandFixture
{
    [TestCase("Idempotency-Key: clé-1\r\n")]
    [TestCase("X-Note: 日本\r\n")]
    public async Task A_header_beyond_ASCII_is_handed_on_as_it_came(string header)
    {
        await using var app = await CommandApp.StartAsync(Broker.BootstrapServers);
        await app.ReadyAsync();
        await using var door = await DoorApp.StartAsync(app.Address);
        var utf8 = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes($"{header}Content-Length: 0\r\n"));

        var through = await RawHttp.SendAsync(door.Address, RawHttp.Post("/analytics?timestamp=1&user=u&click", utf8));
        var direct = await RawHttp.SendAsync(app.Address, RawHttp.Post("/analytics?timestamp=1&user=u&click", utf8));

        Assert.That((through.Status, direct.Status), Is.EqualTo((204, 204)), through.Body);
        Assert.That(ReadEvents().Select(e => e.IdHash).Distinct().Count(), Is.EqualTo(1), "the id reads the same through the door");
    }

    [TestCase("GET http://tally.example/analytics?timestamp=1 HTTP/1.1", "/analytics?timestamp=1")]
    [TestCase("GET http://tally.example?a=%G1 HTTP/1.1", "/?a=%G1")]
    [TestCase("GET http://tally.example HTTP/1.1", "/")]
    [TestCase("GET /a%2Fb?c=%zz HTTP/1.1", "/a%2Fb?c=%zz")]
    public async Task A_target_of_either_form_is_handed_on_as_it_was_sent(string line, string target)
    {
        await using var instance = await NamedInstance.StartAsync("a");
        await using var door = await DoorApp.StartAsync(instance.Address);

        var (status, _, body) = await RawHttp.SendAsync(door.Address, $"{line}\r\nHost: tally.example\r\nConnection: close\r\n\r\n");

        Assert.That((status, instance.Targets.Last()), Is.EqualTo((200, target)), body);
    }

    [Test]
    public async Task What_is_asked_of_the_server_itself_is_for_no_service()
    {
        await using var instance = await NamedInstance.StartAsync("a");
        await using var door = await DoorApp.StartAsync(instance.Address);

        var (status, head, _) = await RawHttp.SendAsync(door.Address, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        Assert.That((status, instance.Targets.Count), Is.EqualTo((405, 0)), head);
    }

    [Test]
    public async Task A_clients_own_word_for_its_address_is_not_handed_on()
    {
        await using var instance = await NamedInstance.StartAsync("a");
        await using var door = await DoorApp.StartAsync(instance.Address);

        await RawHttp.SendAsync(door.Address, RawHttp.Post("/analytics?timestamp=1&user=u&click", "X-Forwarded-For: 10.9.8.7\r\nContent-Length: 0\r\n"));

        Assert.That(instance.ForwardedFor.Single(), Is.EqualTo("127.0.0.1"));
    }

    [Test]
    public async Task The_doors_log_names_no_user()
    {
        await using var instance = await NamedInstance.StartAsync("a");
        var port = FreePort.Next();
        await using var door = ServiceProcess.Of("gateway", "Gateway", new Dictionary<string, string>
        {
            ["Http__Port"] = $"{port}",
            ["Gateway__Command__0"] = $"{instance.Address}",
            ["Gateway__Query__0"] = $"{instance.Address}",
        });
        door.Start();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        await Eventually.HoldsAsync("the door answers", async () =>
        {
            using var answer = await http.GetAsync("/health/live");
            return answer.IsSuccessStatusCode;
        });

        using var write = await http.PostAsync("/analytics?timestamp=1&user=canary-7f3&click", null);
        using var read = await http.GetAsync("/analytics?timestamp=1&user=canary-7f3");
        await instance.GoAwayAsync();
        using var refused = await http.PostAsync("/analytics?timestamp=1&user=canary-7f3&click", null);

        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        Assert.That(door.Log, Does.Not.Contain("canary-7f3"));
    }

    [Test]
    public async Task A_post_whose_connection_broke_is_not_sent_again()
    {
        using var backend = new TcpListener(IPAddress.Loopback, 0);
        backend.Start();
        var seen = 0;
        using var stop = new CancellationTokenSource();
        var serving = Task.Run(async () =>
        {
            while (true)
            {
                using var client = await backend.AcceptTcpClientAsync(stop.Token);
                // Reads a request, which may carry out something, and dies before its answer.
                if (await client.GetStream().ReadAsync(new byte[4096], stop.Token) > 0) Interlocked.Increment(ref seen);
            }
        });
        await using var door = await DoorApp.StartAsync(new Uri($"http://{backend.LocalEndpoint}"));

        var (status, head, _) = await RawHttp.SendAsync(door.Address, RawHttp.Post("/analytics?timestamp=1&user=u&click"));

        Assert.That(status, Is.EqualTo(503));
        Assert.That(head, Does.Contain("Retry-After: "));
        Assert.That(seen, Is.EqualTo(1));
        await stop.CancelAsync();
        Assert.That(async () => await serving, Throws.InstanceOf<OperationCanceledException>());
    }
}
