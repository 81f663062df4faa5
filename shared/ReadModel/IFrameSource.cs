using Tally.Shared.Contracts;

namespace Tally.Shared.ReadModel;

/// <summary>A place windows of frames can be read from, a page at a time in the order of their starts.</summary>
public interface IFrameSource
{
    /// <param name="kind">Kind of window: minute, day, week, month, year.</param>
    /// <param name="from">Least start, Unix seconds.</param>
    /// <param name="to">Starts are below it.</param>
    /// <param name="generation">That of the page before; null for the first one.</param>
    /// <param name="rows">Most rows of the page; fewer are the last ones.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="Exception">Whatever the store throws when it is away.</exception>
    Task<FramePage> ReadAsync(string kind, long from, long to, int? generation, int rows, CancellationToken cancellation);

    /// <summary>The newest progress record of each partition that has one.</summary>
    Task<IReadOnlyList<Progress>> ReadRecordsAsync(CancellationToken cancellation);
}

/// <summary>Windows of one kind in order; <paramref name="Progress"/> belongs to the same moment.</summary>
public sealed record FramePage(int Generation, SourceProgress Progress, IReadOnlyList<FrameWindow> Windows);
