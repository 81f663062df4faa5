using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Tally.Gateway;
using Tally.Shared.Hosting;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Command;

/// <summary>The gateway on a port of its own, in this process.</summary>
internal sealed class DoorApp : IAsyncDisposable
{
    private readonly WebApplication _app;

    private DoorApp(WebApplication app) => _app = app;

    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    /// <param name="behind">Instances, of command-service and of query-service alike.</param>
    public static async Task<DoorApp> StartAsync(params Uri[] behind)
    {
        var instances = behind.Index().SelectMany(b => (string[])[$"--Gateway:Command:{b.Index}={b.Item}", $"--Gateway:Query:{b.Index}={b.Item}"]);
        var builder = WebApplication.CreateBuilder(BuiltProgram.Options("Gateway", ["--Http:Port=0", "--Http:MaxBodyBytes=200000", "--hostBuilder:reloadConfigOnChange=false", .. instances]));
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
