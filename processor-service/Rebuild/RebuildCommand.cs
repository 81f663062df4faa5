using System.Globalization;
using Tally.ProcessorService.Engine;
using Tally.Shared.Hosting;
using Tally.Shared.Observability;

namespace Tally.ProcessorService.Rebuild;

/// <summary>
/// <c>rebuild [settings]</c>: counts the next generation of the hourly analytics from the input topic, beside the running one, and ends once it has
/// passed it. Settings are those of the service; <c>Processor:Generation</c> is the running one.
/// </summary>
public static class RebuildCommand
{
    public const string Verb = "rebuild";

    /// <returns>Exit code: 0 once the new generation has come further than the old one in every partition.</returns>
    public static Task<int> RunAsync(string[] args) => ServiceRun.RunAsync("processor-service", () =>
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        var running = builder.Configuration.GetValue($"{ProcessorOptions.Section}:{nameof(ProcessorOptions.Generation)}", 1);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            [$"{ProcessorOptions.Section}:{nameof(ProcessorOptions.Generation)}"] = (running + 1).ToString(CultureInfo.InvariantCulture),
            [$"{ProcessorOptions.Section}:{nameof(ProcessorOptions.Jobs)}"] = "analytics",
        });
        builder.AddServiceDefaults("processor-service", defaultPort: 8083);
        // Before the engine: it must find topics and kept hours.
        builder.Services.AddHostedService<RebuildBegin>();
        builder.AddProcessor();
        builder.Services.AddHostedService<RebuildWatch>();
        var app = builder.Build();
        app.MapHealth();
        app.MapPrometheus();
        return app;
    });
}
