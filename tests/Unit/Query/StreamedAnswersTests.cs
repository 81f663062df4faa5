using System.Net;
using System.Net.Sockets;
using System.Text;
using Tally.Shared.ReadModel;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query;

/// <summary>Answers that are streamed hold memory for as long as their readers please, so only so many are sent at once.</summary>
public sealed class StreamedAnswersTests
{
    private const string TenYears = "/analytics/range?from=0&to=315360000000&step=hour";

    [Test]
    public async Task Readers_that_do_not_read_leave_single_hours_alone_and_the_next_long_answer_is_refused()
    {
        await using var service = await QueryServiceOverHttp.StartAsync("--Query:MaxStreams=3", "--Query:CacheFor=00:00:00");
        service.Hold(new HourCounts(1, 2, 3));
        await service.HoldFlowAsync();
        string[] streamed = [TenYears, "/flows?hour=1", "/frames?window=minute"];
        foreach (var path in streamed) Assert.That(await StatusAsync(service, path), Is.EqualTo(HttpStatusCode.OK), path);

        var sleepers = new List<TcpClient>();
        for (var i = 0; i < 3; i++) sleepers.Add(await SleeperAsync(service));
        foreach (var path in streamed)
        {
            using var refused = await service.Http.GetAsync(path);
            Assert.Multiple(async () =>
            {
                Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable), path);
                Assert.That(refused.Headers.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
                Assert.That(refused.Content.Headers.ContentType?.MediaType, Is.EqualTo("application/problem+json"));
                Assert.That(await refused.Content.ReadAsStringAsync(), Does.Contain("Query:MaxStreams"));
            });
        }
        Assert.That(await StatusAsync(service, "/analytics?timestamp=1"), Is.EqualTo(HttpStatusCode.OK), "a single hour");

        foreach (var sleeper in sleepers) sleeper.Dispose();
        foreach (var path in streamed)
            await Eventually.HoldsAsync($"{path} is answered again", async () => await StatusAsync(service, path) == HttpStatusCode.OK);
    }

    [Test]
    public async Task A_reader_that_takes_nothing_is_broken_off_and_its_place_is_free()
    {
        await using var service = await QueryServiceOverHttp.StartAsync("--Query:MaxStreams=1", "--Query:MinStreamRate=10000000");
        using var sleeper = await SleeperAsync(service);
        Assert.That(await StatusAsync(service, TenYears), Is.EqualTo(HttpStatusCode.ServiceUnavailable));

        await Eventually.HoldsAsync("the next is answered", async () => await StatusAsync(service, TenYears) == HttpStatusCode.OK);
    }

    private static async Task<HttpStatusCode> StatusAsync(QueryServiceOverHttp service, string path)
    {
        using var answer = await service.Http.GetAsync(path);
        return answer.StatusCode;
    }

    /// <summary>Has asked for far more than the buffers between us hold, taken its first byte and takes no more.</summary>
    private static Task<TcpClient> SleeperAsync(QueryServiceOverHttp service) => SleeperAsync(service.Address, TenYears);

    /// <inheritdoc cref="SleeperAsync(QueryServiceOverHttp)"/>
    public static async Task<TcpClient> SleeperAsync(Uri address, string target)
    {
        var socket = new TcpClient { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(address.Host, address.Port);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET {target} HTTP/1.1\r\nHost: {address.Authority}\r\n\r\n"));
        await socket.GetStream().ReadExactlyAsync(new byte[1]);
        return socket;
    }
}
