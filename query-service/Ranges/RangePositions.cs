using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using Tally.QueryService.Positions;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Ranges;

/// <summary>The beginning of an answer.</summary>
/// <param name="Begin">How far the archive was before its numbers were read.</param>
/// <param name="Stale">It may lack what was waited for: to be marked however fresh it is.</param>
public sealed record RangeAnswer(RangeBegin Begin, bool Stale);

/// <summary>Ranges as answers that may have to hold a certain event; which hours they span makes no difference to that.</summary>
public sealed class RangePositions(RangeReader reader) : IPositionedSource<RangeAnswer>
{
    /// <summary>Ranges are not remembered.</summary>
    public bool TryFind(long hour, [NotNullWhen(true)] out RangeAnswer? answer)
    {
        answer = null;
        return false;
    }

    public async Task<RangeAnswer?> ReadAsync(long hour, CancellationToken cancellation) =>
        await reader.TryBeginAsync(cancellation).ConfigureAwait(false) is { } begin ? new RangeAnswer(begin, Stale: false) : null;

    public Task<RangeAnswer?> ReadReachedAsync(long hour, PositionSet positions, CancellationToken cancellation) => ReadAsync(hour, cancellation);

    public SourceProgress ProgressOf(RangeAnswer answer) => answer.Begin.Progress;

    public RangeAnswer Marked(RangeAnswer answer) => answer with { Stale = true };
}

/// <summary>How far the archive is, which alone answers ranges.</summary>
public sealed class RangeWatch(RangeReader reader, IOptions<PositionOptions> options, TimeProvider clock) : ProgressWatch(options.Value.AskEvery * TurnsOfRedis, clock)
{
    /// <summary>The archive is asked more seldom than Redis would be.</summary>
    private const int TurnsOfRedis = 5;

    protected override async Task AskAsync(int turn, long hour)
    {
        if (await reader.TryBeginAsync(CancellationToken.None).ConfigureAwait(false) is { } begin) Tell(begin.Progress);
    }
}
