using Microsoft.Extensions.Options;
using Tally.QueryService.Accounting;
using Tally.QueryService.Analytics;
using Tally.QueryService.Colours;
using Tally.QueryService.Flows;
using Tally.QueryService.Frames;
using Tally.QueryService.Http;
using Tally.QueryService.Live;
using Tally.QueryService.Page;
using Tally.QueryService.Positions;
using Tally.QueryService.Ranges;
using Tally.QueryService.Reading;
using Tally.Shared.Archive;
using Tally.Shared.Hosting;
using Tally.Shared.Hosting.Overload;
using Tally.Shared.Observability;
using Tally.Shared.OpenApi;
using Tally.Shared.ReadModel;

if (args is [HealthCommand.Verb]) return await HealthCommand.RunAsync("query-service", defaultPort: 8082);

return await ServiceRun.RunAsync("query-service", () =>
{
    var builder = WebApplication.CreateSlimBuilder(args);
    builder.AddServiceDefaults("query-service", defaultPort: 8082);
    builder.AddAdmission();
    builder.Services.AddRedisView();
    builder.Services.AddArchive();
    builder.AddReading();
    builder.AddRanges();
    builder.AddRangeWarmUp();
    builder.AddFlows();
    builder.AddFrames();
    builder.AddColours();
    builder.AddPositions();
    builder.AddEventLog();
    builder.AddLive();
    builder.AddAccounting();

    var app = builder.Build();
    app.UseAdmission(app.Services.GetRequiredService<IOptions<QueryOptions>>().Value.MaxRequests);
    app.UseAnalytics();
    app.MapAnalytics();
    app.MapRanges();
    app.MapLive();
    app.MapPage();
    app.MapFlows();
    app.MapFrames();
    app.MapColours();
    app.MapAccounting();
    app.MapApiDocument(typeof(Program));
    app.MapHealth();
    app.MapPrometheus();
    app.MapNotFound();
    return app;
});
