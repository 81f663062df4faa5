using System.Globalization;
using System.Net;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

/// <summary>The built program: how it ends.</summary>
public sealed class CommandProcessTests : CommandFixture
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    [Test]
    public async Task SIGTERM_ends_it_with_exit_code_0()
    {
        var port = FreePort.Next().ToString(CultureInfo.InvariantCulture);
        await using var command = ServiceProcess.Of("command", "CommandService", new Dictionary<string, string>
        {
            ["Http__Port"] = port,
            ["HashKey__Value"] = CommandApp.HashKey,
            ["Kafka__BootstrapServers"] = Broker.BootstrapServers,
        });
        command.Start();
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        await Eventually.HoldsAsync("events are taken", Limit, async () =>
        {
            using var answer = await http.PostAsync(new Uri($"http://127.0.0.1:{port}/analytics?timestamp=1&user=u&click"), null);
            return answer.StatusCode == HttpStatusCode.NoContent;
        });

        Assert.That(await command.StopAsync(Limit), Is.Zero, () => command.Log);
        Assert.That(ReadEvents(), Is.Not.Empty);
    }
}
