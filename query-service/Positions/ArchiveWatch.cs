using Microsoft.Extensions.Options;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Positions;

/// <summary>How far the archive is, for answers that it alone gives.</summary>
/// <param name="ask">Asks it; null when it does not answer, must not throw.</param>
/// <param name="options">How often Redis would be asked.</param>
/// <param name="clock">The time.</param>
public sealed class ArchiveWatch(Func<Task<SourceProgress?>> ask, IOptions<PositionOptions> options, TimeProvider clock)
    : ProgressWatch(options.Value.AskEvery * TurnsOfRedis, clock)
{
    /// <summary>The archive is asked more seldom than Redis would be.</summary>
    private const int TurnsOfRedis = 5;

    protected override async Task AskAsync(int turn, long hour)
    {
        if (await ask().ConfigureAwait(false) is { } progress) Tell(progress);
    }
}
