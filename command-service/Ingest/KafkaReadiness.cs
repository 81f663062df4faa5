using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tally.CommandService.Ingest;

/// <summary>Ready while Kafka answered within the last seconds and the service is not stopping. Asks nobody: <see cref="KafkaWatch"/> does.</summary>
public sealed class KafkaReadiness(EventProducer producer, KafkaWatch watch, IHostApplicationLifetime lifetime) : IHealthCheck
{
    private static readonly TimeSpan Stale = TimeSpan.FromSeconds(5);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Why() is { } why ? HealthCheckResult.Unhealthy(why) : HealthCheckResult.Healthy());

    private string? Why()
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested) return "stopping";
        if (watch.SinceLastBeat > Stale) return "Kafka has not been asked for seconds";
        return producer.Obstacle;
    }
}
