using Tally.CommandService.Batch;
using Tally.CommandService.Flows;
using Tally.CommandService.Ingest;
using Tally.Shared.Hosting;
using Tally.Shared.Hosting.Overload;
using Tally.Shared.Observability;
using Tally.Shared.OpenApi;

if (args is [HealthCommand.Verb]) return await HealthCommand.RunAsync("command-service", defaultPort: 8081);

return await ServiceRun.RunAsync("command-service", () =>
{
    var builder = WebApplication.CreateSlimBuilder(args);
    builder.AddServiceDefaults("command-service", defaultPort: 8081);
    builder.RunRequestsOnSocketThreads();
    builder.AddAdmission();
    builder.AddIngest();
    builder.AddBatch();
    builder.AddFlows();

    var app = builder.Build();
    app.UseAdmission();
    app.MapIngest();
    app.MapBatch();
    app.MapFlows();
    app.MapApiDocument(typeof(Program));
    app.MapHealth();
    app.MapPrometheus();
    return app;
});
