using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tally.MaterializerService.Sinks;

/// <summary>Ready while the sink's loop turns, its group is joined, Kafka answers and its store takes what is read.</summary>
public sealed class SinkHealthCheck(ISink loop) : IHealthCheck
{
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(15);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(Check());

    private HealthCheckResult Check()
    {
        if (loop.SinceLastBeat > SilenceMax) return HealthCheckResult.Unhealthy($"no turn of the loop for {(int)loop.SinceLastBeat.TotalSeconds} s");
        if (loop.Status.Trouble is { } trouble) return HealthCheckResult.Unhealthy(trouble.ReplaceLineEndings(" "));
        if (!loop.Status.KafkaAnswers) return HealthCheckResult.Unhealthy("Kafka does not answer");
        return loop.Status.Partitions switch
        {
            null => HealthCheckResult.Unhealthy("not in its group yet"),
            { Count: 0 } => HealthCheckResult.Healthy("other instances have all partitions"),
            var owned => HealthCheckResult.Healthy($"partitions {string.Join(",", owned)}{Age()}"),
        };
    }

    private string Age() => loop.Status.Age is { } age ? $", {Math.Max(0, (long)age.TotalMilliseconds)} ms old" : ", age unknown";
}
