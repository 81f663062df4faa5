using Tally.QueryService.Accounting;
using Tally.QueryService.Analytics;
using Tally.QueryService.Flows;
using Tally.QueryService.Http;
using Tally.QueryService.Positions;
using Tally.QueryService.Reading;
using Tally.Shared.Archive;
using Tally.Shared.Hosting;
using Tally.Shared.Observability;
using Tally.Shared.ReadModel;

if (args is [HealthCommand.Verb]) return await HealthCommand.RunAsync("query-service", defaultPort: 8082);

return await ServiceRun.RunAsync("query-service", () =>
{
    var builder = WebApplication.CreateBuilder(args);
    builder.AddServiceDefaults("query-service", defaultPort: 8082);
    builder.Services.AddRedisView();
    builder.Services.AddArchive();
    builder.AddReading();
    builder.AddFlows();
    builder.AddPositions();
    builder.AddEventLog();
    builder.AddAccounting();

    var app = builder.Build();
    app.UseAnalytics();
    app.MapAnalytics();
    app.MapFlows();
    app.MapAccounting();
    app.MapHealth();
    app.MapPrometheus();
    app.MapNotFound();
    return app;
});
