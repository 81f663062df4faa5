using System.Diagnostics.CodeAnalysis;
using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Positions;

/// <summary>Hours as answers that may have to hold a certain event.</summary>
public sealed class HourPositions(HourReader reader) : IPositionedSource<RememberedAnswer>
{
    public bool TryFind(long hour, [NotNullWhen(true)] out RememberedAnswer? answer) => reader.TryFind(hour, out answer);

    public Task<RememberedAnswer?> ReadAsync(long hour, CancellationToken cancellation) => reader.ReadAsync(hour, cancellation);

    public Task<RememberedAnswer?> ReadReachedAsync(long hour, PositionSet positions, CancellationToken cancellation) =>
        reader.ReadReachedAsync(hour, positions, cancellation);

    public SourceProgress ProgressOf(RememberedAnswer answer) => answer.Answer.Progress;

    public RememberedAnswer Marked(RememberedAnswer answer) => answer with { Stale = true };
}
