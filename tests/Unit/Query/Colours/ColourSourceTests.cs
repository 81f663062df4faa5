using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tally.QueryService.Colours;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query.Colours;

/// <summary>Several processors behind one name, as compose has them once they are scaled: one of them has the colours.</summary>
public sealed class ColourSourceTests
{
    private static readonly string[] Addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];

    [Test]
    public async Task Whichever_of_a_names_addresses_has_the_colours_is_found_and_found_again_once_they_moved()
    {
        var port = FreePort.Next();
        var owner = "";
        var apps = Addresses.Select(address => Processor(address, port, () => owner == address)).ToArray();
        try
        {
            foreach (var app in apps) await app.StartAsync();
            using var source = new ColourSource(new ColourOptions { Processors = $"http://processors.test:{port}" }, (_, _) => Task.FromResult(Addresses.Select(IPAddress.Parse).ToArray()));
            foreach (var address in Addresses.Concat(Addresses.Reverse()))
            {
                owner = address;
                for (var n = 0; n < 3; n++)
                {
                    using var answer = await source.AskAsync("/events/get-stats", CancellationToken.None);
                    Assert.That(await answer!.Content.ReadAsStringAsync(), Is.EqualTo(address));
                }
            }
            owner = "nobody";
            Assert.That(await source.AskAsync("/events/get-stats", CancellationToken.None), Is.Null);
        }
        finally
        {
            foreach (var app in apps) await app.DisposeAsync();
        }
    }

    private static WebApplication Processor(string address, int port, Func<bool> owns)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add($"http://{address}:{port}");
        app.MapGet("/events/get-stats", () => owns() ? Results.Text(address) : Results.StatusCode(StatusCodes.Status503ServiceUnavailable));
        return app;
    }
}
