using System.Net;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

public sealed class DoorMetricsTests
{
    [Test]
    public async Task The_door_hands_no_metrics_on()
    {
        // Nobody is behind it: what it would hand on is a 503.
        await using var door = await DoorApp.StartAsync(new Uri($"http://127.0.0.1:{FreePort.Next()}"));
        using var http = new HttpClient();

        using var metrics = await http.GetAsync(new Uri(door.Address, "/metrics"));
        using var other = await http.GetAsync(new Uri(door.Address, "/analytics"));

        Assert.That((metrics.StatusCode, other.StatusCode), Is.EqualTo((HttpStatusCode.NotFound, HttpStatusCode.ServiceUnavailable)));
    }
}
