using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Tally.CommandService.Batch;
using Tally.CommandService.Flows;
using Tally.CommandService.Ingest;
using Tally.Shared.Hosting;
using Tally.Shared.Hosting.Overload;
using Tally.Shared.OpenApi;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

/// <summary>The command service on a port of its own, in this process, over real sockets.</summary>
internal sealed class CommandApp : IAsyncDisposable
{
    public const string HashKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    private readonly WebApplication _app;

    private CommandApp(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        Http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(20) };
    }

    public Uri Address { get; }

    public HttpClient Http { get; }

    public IEnumerable<string> Routes =>
        _app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Select(e => e.RoutePattern.RawText!);

    public EventProducer Producer => _app.Services.GetRequiredService<EventProducer>();

    /// <param name="bootstrap">Where Kafka is, or will be.</param>
    /// <param name="settings">Such as <c>("Ingest:MaxInFlight", "1")</c>.</param>
    public static Task<CommandApp> StartAsync(string bootstrap, params (string Key, string Value)[] settings) => StartAsync(bootstrap, null, settings);

    /// <param name="bootstrap">Where Kafka is, or will be.</param>
    /// <param name="limits">Changes the server's time limits, so that a test need not wait for them; learns what they are.</param>
    /// <param name="settings">Such as <c>("Ingest:MaxInFlight", "1")</c>.</param>
    public static async Task<CommandApp> StartAsync(string bootstrap, Action<KestrelServerLimits>? limits, params (string Key, string Value)[] settings)
    {
        string[] args =
        [
            "--Http:Port=0", "--Http:MaxBodyBytes=65536", $"--HashKey:Value={HashKey}", $"--Kafka:BootstrapServers={bootstrap}", "--hostBuilder:reloadConfigOnChange=false",
            .. settings.Select(s => $"--{s.Key}={s.Value}"),
        ];
        var builder = WebApplication.CreateBuilder(BuiltProgram.Options("CommandService", args));
        builder.AddServiceDefaults("command-service", defaultPort: 0);
        builder.AddAdmission();
        builder.AddIngest();
        builder.AddBatch();
        builder.AddFlows();
        if (limits is not null) builder.WebHost.ConfigureKestrel(kestrel => limits(kestrel.Limits));
        var app = builder.Build();
        app.UseAdmission();
        app.MapIngest();
        app.MapBatch();
        app.MapFlows();
        app.MapApiDocument(typeof(EventIntake));
        app.MapHealth();
        await app.StartAsync();
        return new CommandApp(app);
    }

    public Task ReadyAsync() => Eventually.HoldsAsync("the command service is ready", async () =>
    {
        using var answer = await Http.GetAsync(new Uri("/health/ready", UriKind.Relative));
        return answer.IsSuccessStatusCode;
    });

    public Task<HttpResponseMessage> PostAsync(string query) => Http.PostAsync(new Uri($"/analytics?{query}", UriKind.Relative), null);

    public async Task<HttpStatusCode> StatusOfPostAsync(string query)
    {
        using var answer = await PostAsync(query);
        return answer.StatusCode;
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
