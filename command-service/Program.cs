using Tally.CommandService.Ingest;
using Tally.Shared.Hosting;

return await ServiceRun.RunAsync("command-service", () =>
{
    var builder = WebApplication.CreateBuilder(args);
    builder.AddServiceDefaults("command-service", defaultPort: 8081);
    builder.AddIngest();

    var app = builder.Build();
    app.MapIngest();
    app.MapHealth();
    return app;
});
