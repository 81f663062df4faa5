using Microsoft.Extensions.Options;
using Tally.Gateway;
using Tally.Shared.Hosting;

// The one door of the local mode: GET goes to query-service, everything else to command-service. Compose has nginx in its place.
return await ServiceRun.RunAsync("gateway", () =>
{
    var builder = WebApplication.CreateSlimBuilder(args);
    builder.AddServiceDefaults("gateway", defaultPort: 8080);
    builder.Services.AddValidatedOptions<GatewayOptions>(GatewayOptions.Section);
    builder.Services.AddSingleton<IValidateOptions<GatewayOptions>, GatewayOptionsCheck>();
    builder.AddForwarding();

    var app = builder.Build();
    app.RefuseDoubleKeys();
    app.MapHealth();
    app.HideMetrics();
    app.MapForwarding();
    return app;
});
