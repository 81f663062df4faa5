using System.Diagnostics.CodeAnalysis;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Positions;

/// <summary>An answer that the archive alone gives and streams.</summary>
/// <param name="Begin">What of it was read first.</param>
/// <param name="Progress">How far the archive was when that was read.</param>
/// <param name="Stale">It may lack what was waited for: to be marked however fresh it is.</param>
public sealed record ArchiveAnswer<T>(T Begin, SourceProgress Progress, bool Stale);

/// <summary>Answers of the archive that may have to hold a certain event; none of them is remembered.</summary>
/// <param name="begin">Reads the beginning; null when the archive cannot answer.</param>
/// <param name="progressOf">How far the archive was when it was read.</param>
public sealed class ArchiveSource<T>(Func<long, CancellationToken, Task<T?>> begin, Func<T, SourceProgress> progressOf) : IPositionedSource<ArchiveAnswer<T>>
    where T : class
{
    public bool TryFind(long hour, [NotNullWhen(true)] out ArchiveAnswer<T>? answer)
    {
        answer = null;
        return false;
    }

    public async Task<ArchiveAnswer<T>?> ReadAsync(long hour, CancellationToken cancellation) =>
        await begin(hour, cancellation).ConfigureAwait(false) is { } first ? new ArchiveAnswer<T>(first, progressOf(first), Stale: false) : null;

    public Task<ArchiveAnswer<T>?> ReadReachedAsync(long hour, PositionSet positions, CancellationToken cancellation) => ReadAsync(hour, cancellation);

    public SourceProgress ProgressOf(ArchiveAnswer<T> answer) => answer.Progress;

    public ArchiveAnswer<T> Marked(ArchiveAnswer<T> answer) => answer with { Stale = true };
}
