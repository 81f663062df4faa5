using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tally.ProcessorService.Engine;

/// <summary>Ready while events are being counted, or would be if there were partitions left for this instance.</summary>
public sealed class EngineHealthCheck(EngineStatus status) : IHealthCheck
{
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(4);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Check());

    private HealthCheckResult Check()
    {
        var engine = $"engine {status.Engine}";
        var copies = status.WarmCopies == 0 ? "" : $", warm copies of {status.WarmCopyNames}";
        if (status.SinceLastBeat > SilenceMax) return HealthCheckResult.Unhealthy($"{engine}: no turn of the loop for {(int)status.SinceLastBeat.TotalSeconds} s");
        return status.Now switch
        {
            EngineStatus.Phase.Running => HealthCheckResult.Healthy($"{engine}: partitions {status.PartitionNames}{copies}"),
            EngineStatus.Phase.Idle => HealthCheckResult.Healthy($"{engine}: joined, other instances have all partitions{copies}"),
            EngineStatus.Phase.WaitingForTopics => HealthCheckResult.Unhealthy($"{engine}: topics are missing, run create-topics"),
            EngineStatus.Phase.WaitingForBroker => HealthCheckResult.Unhealthy($"{engine}: the broker does not answer"),
            EngineStatus.Phase.Restoring => HealthCheckResult.Unhealthy(
                string.Create(CultureInfo.InvariantCulture, $"{engine}: restoring state, {status.RestoredPart:P0} of {status.Restored.Total} changelog offsets")),
            EngineStatus.Phase.LocalStateAway => HealthCheckResult.Unhealthy($"{engine}: {status.Reason}"),
            EngineStatus.Phase.Joining => HealthCheckResult.Unhealthy($"{engine}: joining the group"),
            _ => HealthCheckResult.Unhealthy($"{engine}: {status.Now}"),
        };
    }
}
