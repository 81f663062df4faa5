using System.Net;
using System.Net.Sockets;
using System.Text;

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
