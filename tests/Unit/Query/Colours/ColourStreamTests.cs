using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tally.QueryService.Colours;
using Tally.QueryService.Reading;
using Tally.Shared.Hosting;
using Tally.Tests.Support;

namespace Tally.Tests.Unit.Query.Colours;

/// <summary>Sets are passed through from a processor that has more of them than anybody reads: under the same bounds as the other long answers.</summary>
public sealed class ColourStreamTests
{
    private const string Sets = "/events/get-sets";

    private WebApplication _processor = null!;
    private int _open;

    [SetUp]
    public async Task StartProcessorAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _processor = builder.Build();
        _processor.Urls.Add("http://127.0.0.1:0");
        _processor.MapGet("/events/get-stats", () => "{}");
        _processor.MapGet(Sets, EndlessAsync);
        await _processor.StartAsync();
    }

    [TearDown]
    public async Task StopProcessorAsync() => await _processor.DisposeAsync();

    [Test]
    public async Task Sets_beyond_the_bound_are_refused_before_the_processor_is_asked_for_them()
    {
        await using var query = await StartQueryAsync("--Query:MaxStreams=2");
        using var http = new HttpClient { BaseAddress = Address(query) };
        using var first = await StreamedAnswersTests.SleeperAsync(Address(query), Sets);
        using var second = await StreamedAnswersTests.SleeperAsync(Address(query), Sets);

        using var refused = await http.GetAsync(Sets);
        using var stats = await http.GetAsync("/events/get-stats");
        using var wrong = await http.PostAsync(Sets, null);

        Assert.Multiple(async () =>
        {
            Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
            Assert.That(refused.Headers.RetryAfter?.Delta, Is.GreaterThan(TimeSpan.Zero));
            Assert.That(await refused.Content.ReadAsStringAsync(), Does.Contain("Query:MaxStreams"));
            Assert.That(Volatile.Read(ref _open), Is.EqualTo(2));
            Assert.That(stats.StatusCode, Is.EqualTo(HttpStatusCode.OK), "a short answer");
            Assert.That(wrong.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        });
    }

    [Test]
    public async Task A_reader_that_takes_nothing_is_broken_off_and_so_is_the_processor()
    {
        await using var query = await StartQueryAsync("--Query:MaxStreams=1", "--Query:MinStreamRate=10000000");
        using var sleeper = await StreamedAnswersTests.SleeperAsync(Address(query), Sets);

        await Eventually.HoldsAsync("the processor writes to nobody", () => Task.FromResult(Volatile.Read(ref _open) == 0));
        using var next = await StreamedAnswersTests.SleeperAsync(Address(query), Sets);
    }

    private async Task<WebApplication> StartQueryAsync(params string[] settings)
    {
        var builder = WebApplication.CreateBuilder(["--Http:Port=0", $"--Colours:Processors={Address(_processor)}", .. settings]);
        builder.AddServiceDefaults("query-service", defaultPort: 0);
        builder.Logging.ClearProviders();
        builder.Services.AddValidatedOptions<QueryOptions>(QueryOptions.Section);
        builder.Services.AddSingleton<StreamedAnswers>();
        builder.AddColours();
        var app = builder.Build();
        app.MapColours();
        await app.StartAsync();
        return app;
    }

    private async Task EndlessAsync(HttpContext context)
    {
        Interlocked.Increment(ref _open);
        try
        {
            var page = new byte[1 << 16];
            while (!context.RequestAborted.IsCancellationRequested) await context.Response.Body.WriteAsync(page, context.RequestAborted);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private static Uri Address(WebApplication app) => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
}
