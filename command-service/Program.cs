using Tally.CommandService.Batch;
using Tally.CommandService.Flows;
using Tally.CommandService.Ingest;
using Tally.Shared.Hosting;
using Tally.Shared.Observability;

if (args is [HealthCommand.Verb]) return await HealthCommand.RunAsync("command-service", defaultPort: 8081);

return await ServiceRun.RunAsync("command-service", () =>
{
    var builder = WebApplication.CreateBuilder(args);
    builder.AddServiceDefaults("command-service", defaultPort: 8081);
    builder.RunRequestsOnSocketThreads();
    builder.AddIngest();
    builder.AddBatch();
    builder.AddFlows();

    var app = builder.Build();
    app.MapIngest();
    app.MapBatch();
    app.MapFlows();
    app.MapHealth();
    app.MapPrometheus();
    return app;
});
