using Microsoft.Extensions.Options;
using Tally.QueryService.Reading;
using Tally.Shared.Archive;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Flows;

/// <summary>Pages of flows from the archive, each within a time limit.</summary>
public sealed partial class FlowReader(SqlFlowArchive archive, PageReads reads, IOptions<QueryOptions> options, TimeProvider clock, ILogger<FlowReader> logger)
{
    /// <summary>How often a page is asked for again once rows were sent: giving up breaks the answer off.</summary>
    private const int Attempts = 5;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private int _away;

    /// <returns>The hour's first page; null when the archive does not answer.</returns>
    public async Task<FlowPage?> FirstAsync(long hour, CancellationToken cancellation)
    {
        try
        {
            return await OnceAsync(hour, null, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            if (Interlocked.Exchange(ref _away, 1) == 0) Away(logger, e.GetType().Name, e.Message);
            return null;
        }
    }

    /// <returns>How far the archive is with the flows; null when it does not answer.</returns>
    public async Task<SourceProgress?> ProgressAsync()
    {
        using var limit = new CancellationTokenSource(options.Value.ArchiveTimeout, clock);
        try
        {
            return await archive.ReadProgressAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            if (Interlocked.Exchange(ref _away, 1) == 0) Away(logger, e.GetType().Name, e.Message);
            return null;
        }
    }

    /// <returns>The page after another one; null after the last.</returns>
    /// <exception cref="Exception">The archive does not answer any more.</exception>
    public async Task<FlowPage?> NextAsync(long hour, FlowPage before, CancellationToken cancellation)
    {
        if (before.Rows.Count < options.Value.FlowPageRows) return null;
        var last = before.Rows[^1];
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await OnceAsync(hour, new FlowPosition(before.Generation, last.Name, last.Partition), cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (attempt < Attempts && !cancellation.IsCancellationRequested)
            {
                if (Interlocked.Exchange(ref _away, 1) == 0) Away(logger, e.GetType().Name, e.Message);
                await Task.Delay(Pause, clock, cancellation).ConfigureAwait(false);
            }
        }
    }

    private async Task<FlowPage> OnceAsync(long hour, FlowPosition? after, CancellationToken cancellation)
    {
        var page = await reads.OnceAsync(token => archive.ReadAsync(hour, after, options.Value.FlowPageRows, token), cancellation).ConfigureAwait(false);
        if (Interlocked.Exchange(ref _away, 0) == 1) Back(logger);
        return page;
    }

    [LoggerMessage(EventId = 4301, Level = LogLevel.Warning, Message = "The archive does not answer for flows ({Error}: {Reason})")]
    private static partial void Away(ILogger logger, string error, string reason);

    [LoggerMessage(EventId = 4302, Level = LogLevel.Information, Message = "The archive answers for flows again")]
    private static partial void Back(ILogger logger);
}
