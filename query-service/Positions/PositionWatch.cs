using Microsoft.Extensions.Options;
using Tally.QueryService.Reading;

namespace Tally.QueryService.Positions;

/// <summary>How far Redis and the archive are with the hours.</summary>
public sealed class PositionWatch(HourSources sources, IOptions<PositionOptions> options, TimeProvider clock) : ProgressWatch(options.Value.AskEvery, clock)
{
    private const int TurnsAnArchiveRead = 10;

    protected override async Task AskAsync(int turn, long hour)
    {
        var redis = await AskAsync(sources.Redis, hour).ConfigureAwait(false);
        if (!redis || turn % TurnsAnArchiveRead == 0) await AskAsync(sources.Archive, hour).ConfigureAwait(false);
    }

    private async Task<bool> AskAsync(GuardedSource source, long hour)
    {
        // Each read has its own time limit.
        if (await source.TryReadAsync(hour, CancellationToken.None).ConfigureAwait(false) is not { } reading) return false;
        Tell(reading.Progress);
        return true;
    }
}
