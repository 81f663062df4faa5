using System.Globalization;
using Tally.ProcessorService.Engine;
using Tally.Shared.Hosting;
using Tally.Shared.Observability;

namespace Tally.ProcessorService.Rebuild;

/// <summary>
/// <c>rebuild [--job name] [settings]</c>: counts the next generation of a job, the hourly analytics without a name, from its input topic, beside the running one, and ends once it has
/// passed it. Settings are those of the service; its generation key (<c>Processor:Generation</c>, <c>Flows:Generation</c>, <c>Frames:Generation</c>) names the running one.
/// </summary>
public static class RebuildCommand
{
    public const string Verb = "rebuild";

    /// <returns>Exit code: 0 once the new generation has come further than the old one in every partition, 2 where there is nothing to rebuild.</returns>
    public static Task<int> RunAsync(string[] args) => ServiceRun.RunAsync("processor-service", () =>
    {
        var (job, rest) = Of(args);
        var builder = WebApplication.CreateSlimBuilder(rest);
        var running = builder.Configuration.GetValue(job.GenerationKey, 1);
        var start = new RebuildStart(job, running + 1, builder.Configuration.GetValue(job.TopicKey, 1));
        var generation = start.Generation.ToString(CultureInfo.InvariantCulture);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            [job.GenerationKey] = generation,
            [job.TopicKey] = generation,
            [$"{ProcessorOptions.Section}:{nameof(ProcessorOptions.Jobs)}"] = job.Name,
            // It ends for good, and whoever counts on gets its partitions at once.
            [$"{ProcessorOptions.Section}:{nameof(ProcessorOptions.StaticMembership)}"] = "false",
        });
        builder.AddServiceDefaults("processor-service", defaultPort: 8083);
        builder.Services.AddSingleton(start);
        // Before the engine: it must find topics and what was kept.
        builder.Services.AddHostedService<RebuildBegin>();
        builder.AddProcessor();
        builder.Services.AddHostedService<RebuildWatch>();
        var app = builder.Build();
        app.MapHealth();
        app.MapPrometheus();
        return app;
    });

    private static (RebuiltJob Job, string[] Settings) Of(string[] args)
    {
        if (args is ["--job", var name, .. var settings]) return (RebuiltJob.Named(name), settings);
        // Not that another job than the one meant is rebuilt.
        if (Array.Exists(args, arg => arg.StartsWith("--job", StringComparison.Ordinal)))
            throw new ConfigurationException($"the form is {Verb} --job name [settings]: the name stands behind --job, in front of the settings.");
        return (RebuiltJob.Named("analytics"), args);
    }
}
