using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Deploy;

/// <summary>What the images' health checks run.</summary>
public sealed class HealthCommandTests
{
    [TestCase("CommandService", StatusCodes.Status200OK, 0)]
    [TestCase("MaterializerService", StatusCodes.Status503ServiceUnavailable, 1)]
    [TestCase("ProcessorService", null, 1)]
    [TestCase("QueryService", StatusCodes.Status200OK, 0)]
    public async Task The_exit_code_tells_whether_the_service_beside_it_is_ready(string project, int? status, int code)
    {
        var port = FreePort.Next();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        await using var app = builder.Build();
        app.Run(async context =>
        {
            context.Response.StatusCode = context.Request.Path == "/health/ready" ? status!.Value : StatusCodes.Status404NotFound;
            await context.Response.WriteAsync("kafka: its own words");
        });
        if (status is not null) await app.StartAsync();

        await using var asked = ServiceProcess.Of(project, project,
            new Dictionary<string, string> { ["Http__Port"] = port.ToString(CultureInfo.InvariantCulture), ["Http__Bind"] = "0.0.0.0" }, "health");
        asked.Start();

        Assert.That(await asked.ExitedAsync(TimeSpan.FromSeconds(30)), Is.EqualTo(code), asked.Log);
        Assert.That(asked.Log, Does.Contain(status is null ? "does not answer" : "its own words"));
    }
}
