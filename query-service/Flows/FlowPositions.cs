using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using Tally.QueryService.Positions;
using Tally.Shared.Archive;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Flows;

/// <summary>The beginning of an answer.</summary>
/// <param name="Page">The hour's first page.</param>
/// <param name="Stale">It may lack what was waited for: to be marked however fresh it is.</param>
public sealed record FlowAnswer(FlowPage Page, bool Stale);

/// <summary>Flows as answers that may have to hold a certain array.</summary>
public sealed class FlowPositions(FlowReader reader) : IPositionedSource<FlowAnswer>
{
    /// <summary>Flows are not remembered.</summary>
    public bool TryFind(long hour, [NotNullWhen(true)] out FlowAnswer? answer)
    {
        answer = null;
        return false;
    }

    public async Task<FlowAnswer?> ReadAsync(long hour, CancellationToken cancellation) =>
        await reader.FirstAsync(hour, cancellation).ConfigureAwait(false) is { } page ? new FlowAnswer(page, Stale: false) : null;

    public Task<FlowAnswer?> ReadReachedAsync(long hour, PositionSet positions, CancellationToken cancellation) => ReadAsync(hour, cancellation);

    public SourceProgress ProgressOf(FlowAnswer answer) => answer.Page.Progress;

    public FlowAnswer Marked(FlowAnswer answer) => answer with { Stale = true };
}

/// <summary>How far the archive is with the flows.</summary>
public sealed class FlowWatch(FlowReader reader, IOptions<PositionOptions> options, TimeProvider clock) : ProgressWatch(options.Value.AskEvery * TurnsOfRedis, clock)
{
    /// <summary>The archive is asked more seldom than Redis would be.</summary>
    private const int TurnsOfRedis = 5;

    protected override async Task AskAsync(int turn, long hour)
    {
        if (await reader.ProgressAsync().ConfigureAwait(false) is { } progress) Tell(progress);
    }
}
