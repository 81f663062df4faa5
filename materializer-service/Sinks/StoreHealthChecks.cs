using Microsoft.Extensions.Diagnostics.HealthChecks;
using Tally.Shared.Archive;
using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>Asks Redis for a sign of life.</summary>
public sealed class RedisHealthCheck(RedisConnection redis) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await redis.PingAsync(cancellationToken).ConfigureAwait(false);
            return HealthCheckResult.Healthy();
        }
        catch (Exception e)
        {
            return HealthCheckResult.Unhealthy($"Redis does not answer ({e.GetType().Name})");
        }
    }
}

/// <summary>Reads from the archive.</summary>
public sealed class ArchiveHealthCheck(SqlHourArchive archive) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await archive.ReadProgressAsync(1, cancellationToken).ConfigureAwait(false);
            return HealthCheckResult.Healthy();
        }
        catch (ArchiveNotReadyException e)
        {
            return HealthCheckResult.Unhealthy(e.Message);
        }
        catch (Exception e)
        {
            return HealthCheckResult.Unhealthy($"the archive does not answer ({e.GetType().Name})");
        }
    }
}
