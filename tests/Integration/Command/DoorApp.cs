using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Tally.Gateway;
using Tally.Shared.Hosting;

namespace Tally.Tests.Integration.Command;

/// <summary>The gateway on a port of its own, in this process; everything goes to one address behind it.</summary>
internal sealed class DoorApp : IAsyncDisposable
{
    private readonly WebApplication _app;

    private DoorApp(WebApplication app) => _app = app;

    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public static async Task<DoorApp> StartAsync(Uri behind)
    {
        var builder = WebApplication.CreateBuilder(
            ["--Http:Port=0", "--Http:MaxBodyBytes=200000", $"--Gateway:Command:0={behind}", $"--Gateway:Query:0={behind}", "--hostBuilder:reloadConfigOnChange=false"]);
        builder.AddServiceDefaults("gateway", defaultPort: 0);
        builder.Services.AddValidatedOptions<GatewayOptions>(GatewayOptions.Section);
        builder.AddForwarding();
        var app = builder.Build();
        app.RefuseDoubleKeys();
        app.MapHealth();
        app.HideMetrics();
        app.MapForwarding();
        await app.StartAsync();
        return new DoorApp(app);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
