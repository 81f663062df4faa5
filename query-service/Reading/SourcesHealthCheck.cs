using Microsoft.Extensions.Diagnostics.HealthChecks;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Reading;

/// <summary>
/// Healthy when both sources answer; Degraded (still ready) when one does; Unhealthy when none does, or when none has heard of every
/// partition yet, since then nothing can be said of an hour. The result is kept for a second.
/// </summary>
public sealed class SourcesHealthCheck(HourSources sources, TimeProvider clock) : IHealthCheck, IDisposable
{
    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _one = new(1);
    private HealthCheckResult _last;
    private long _askedAt;

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_askedAt != 0 && clock.GetElapsedTime(_askedAt) < KeptFor) return _last;
            _last = await AskAsync(cancellationToken).ConfigureAwait(false);
            _askedAt = clock.GetTimestamp();
            return _last;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    // Each read has its own time limit.
    private async Task<HealthCheckResult> AskAsync(CancellationToken cancellation)
    {
        var hour = Hours.Of(clock.GetUtcNow().ToUnixTimeMilliseconds());
        var asked = await Task.WhenAll(sources.Redis.TryReadAsync(hour, cancellation), sources.Archive.TryReadAsync(hour, cancellation))
            .ConfigureAwait(false);
        var (redis, archive) = (asked[0], asked[1]);
        if (redis is null && archive is null) return HealthCheckResult.Unhealthy($"neither Redis nor the archive answers{Why(sources.Redis, "Redis:Endpoints")}{Why(sources.Archive, "Archive:ConnectionString")}");
        if (!Known(redis) && !Known(archive)) return HealthCheckResult.Unhealthy("no source has heard of every partition yet: do processor and materializer run?");
        if (redis is null) return HealthCheckResult.Degraded($"Redis does not answer, the archive does{Why(sources.Redis, "Redis:Endpoints")}");
        if (archive is null) return HealthCheckResult.Degraded($"the archive does not answer, Redis does{Why(sources.Archive, "Archive:ConnectionString")}");
        return HealthCheckResult.Healthy();
    }

    private static string Why(GuardedSource source, string key) => source.Trouble is { } trouble ? $" ({key}: {trouble})" : "";

    private static bool Known(HourReading? reading) => reading?.Progress.Complete == true;
}
