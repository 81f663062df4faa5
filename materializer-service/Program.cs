using Tally.MaterializerService.Sinks;
using Tally.Shared.Archive;
using Tally.Shared.Hosting;
using Tally.Shared.Observability;
using Tally.Shared.ReadModel;

if (args is [HealthCommand.Verb]) return await HealthCommand.RunAsync("materializer-service", defaultPort: 8084);

return await ServiceRun.RunAsync("materializer-service", () =>
{
    var builder = WebApplication.CreateSlimBuilder(args);
    builder.AddServiceDefaults("materializer-service", defaultPort: 8084);
    builder.Services.AddRedisView();
    builder.Services.AddArchive();
    builder.AddSinks();
    var app = builder.Build();
    app.MapHealth();
    app.MapPrometheus();
    return app;
});
