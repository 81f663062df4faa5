using Microsoft.Extensions.Options;
using Tally.QueryService.Reading;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Frames;

/// <summary>Windows of frames and the progress of their counting from the archive, each read within a time limit.</summary>
public sealed partial class FrameReader(IFrameSource archive, PageReads reads, IOptions<QueryOptions> options, TimeProvider clock, ILogger<FrameReader> logger)
{
    /// <summary>How often a page is asked for again once windows were sent: giving up breaks the answer off.</summary>
    private const int Attempts = 5;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private int _away;

    /// <returns>The first page; null when the archive does not answer.</returns>
    public Task<FramePage?> FirstAsync(FrameQuery query, CancellationToken cancellation) => OrNullAsync(token => PageAsync(query, null, token), cancellation);

    /// <returns>The page after another one; null after the last.</returns>
    /// <exception cref="Exception">The archive does not answer any more.</exception>
    public async Task<FramePage?> NextAsync(FrameQuery query, FramePage before, CancellationToken cancellation)
    {
        if (before.Windows.Count < options.Value.FramePageRows) return null;
        var rest = query with { From = before.Windows[^1].Start + 1 };
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await OnceAsync(token => PageAsync(rest, before.Generation, token), cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (attempt < Attempts && !cancellation.IsCancellationRequested)
            {
                if (Interlocked.Exchange(ref _away, 1) == 0) Away(logger, e.GetType().Name, e.Message);
                await Task.Delay(Pause, clock, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <returns>The newest progress record of each partition; null when the archive does not answer.</returns>
    public Task<IReadOnlyList<Progress>?> RecordsAsync(CancellationToken cancellation) => OrNullAsync(archive.ReadRecordsAsync, cancellation);

    private Task<FramePage> PageAsync(FrameQuery query, int? generation, CancellationToken cancellation) =>
        archive.ReadAsync(query.Kind, query.From, query.To, generation, options.Value.FramePageRows, cancellation);

    private async Task<T?> OrNullAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellation) where T : class
    {
        try
        {
            return await OnceAsync(read, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            if (Interlocked.Exchange(ref _away, 1) == 0) Away(logger, e.GetType().Name, e.Message);
            return null;
        }
    }

    private async Task<T> OnceAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        var found = await reads.OnceAsync(read, cancellation).ConfigureAwait(false);
        if (Interlocked.Exchange(ref _away, 0) == 1) Back(logger);
        return found;
    }

    [LoggerMessage(EventId = 4311, Level = LogLevel.Warning, Message = "The archive does not answer for frames ({Error}: {Reason})")]
    private static partial void Away(ILogger logger, string error, string reason);

    [LoggerMessage(EventId = 4312, Level = LogLevel.Information, Message = "The archive answers for frames again")]
    private static partial void Back(ILogger logger);
}
