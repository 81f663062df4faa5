using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Tally.ProcessorService.Engine;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>The job with its loop, where <c>Processor:Jobs</c> names it.</summary>
public static class ColourRegistration
{
    private const string Job = "colours";

    public static void AddColours(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<ColourOptions>(ColourOptions.Section);
        if (!ProcessorOptions.Runs(builder.Configuration, Job)) return;
        services.AddSingleton(provider => new ColourBoard(
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<IOptions<ProcessorOptions>>().Value.SessionTimeout / 2));
        services.AddSingleton(provider => new ColourLoop(
            provider.GetRequiredService<IOptions<KafkaOptions>>().Value,
            provider.GetRequiredService<IOptions<ProcessorOptions>>().Value.For(Job),
            provider.GetRequiredService<ColourBoard>(),
            () => provider.GetRequiredService<IOptions<ColourOptions>>().Value.Limits(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes),
            provider.GetRequiredService<IHostApplicationLifetime>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<ColourLoop>>()));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<ColourLoop>());
        services.AddHealthChecks().Add(new HealthCheckRegistration("colours engine", provider => new ColourHealthCheck(
            provider.GetRequiredService<ColourLoop>(), provider.GetRequiredService<ColourBoard>()), HealthStatus.Unhealthy, [HealthEndpoints.Ready]));
    }

    /// <summary>Ready while the loop turns: who has the colours is decided by the group.</summary>
    private sealed class ColourHealthCheck(ColourLoop loop, ColourBoard board) : IHealthCheck
    {
        private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(15);

        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(loop.SinceLastBeat > SilenceMax
                ? HealthCheckResult.Unhealthy($"no turn of the loop for {(int)loop.SinceLastBeat.TotalSeconds} s")
                : HealthCheckResult.Healthy(board.Away ?? "the colours are here"));
    }
}
