using System.Diagnostics.CodeAnalysis;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Positions;

/// <summary>Where answers come from that may have to hold a certain event.</summary>
/// <typeparam name="T">The answer.</typeparam>
public interface IPositionedSource<T> where T : class
{
    /// <summary>An answer that is at hand.</summary>
    bool TryFind(long hour, [NotNullWhen(true)] out T? answer);

    /// <summary>The answer that anybody gets now; null when there is none.</summary>
    Task<T?> ReadAsync(long hour, CancellationToken cancellation);

    /// <summary>The answer of a source that has come as far as <paramref name="positions"/>, if there still is one.</summary>
    Task<T?> ReadReachedAsync(long hour, PositionSet positions, CancellationToken cancellation);

    /// <summary>What is in the answer.</summary>
    SourceProgress ProgressOf(T answer);

    /// <summary>The same, to be marked stale.</summary>
    T Marked(T answer);
}
