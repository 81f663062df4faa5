using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.QueryService.Ranges;

/// <summary>Pages of a range from the archive.</summary>
public sealed partial class RangeReader(
    IRangeSource source, PageReads reads, IOptions<RangeOptions> options, TimeProvider clock, ILogger<RangeReader> logger)
{
    /// <summary>How often a page is asked for again once some were sent: giving up breaks the answer off.</summary>
    private const int Attempts = 5;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private int _away;

    /// <returns>How far the archive is; null when it does not answer.</returns>
    public async Task<RangeBegin?> TryBeginAsync(CancellationToken cancellation)
    {
        try
        {
            return await OnceAsync(source.BeginAsync, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (!cancellation.IsCancellationRequested)
        {
            Told(e);
            return null;
        }
    }

    /// <summary>All counts of the range, page by page.</summary>
    /// <exception cref="Exception">The archive does not answer any more.</exception>
    public async IAsyncEnumerable<(SpanRun Run, IReadOnlyList<SpanCounts> Counts)> CountsAsync(
        RangeBegin begin, SpanRun range, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var step = range.Kind == SpanKind.Day ? SketchSpans.HoursOfDay : 1;
        var hours = Math.Max(1, options.Value.PageRows / Math.Max(1, begin.Progress.PartitionCount)) * step;
        for (var from = range.From; from < range.To; from += hours)
        {
            var run = new SpanRun(range.Kind, from, Math.Min(range.To, from + hours));
            Task<IReadOnlyList<SpanCounts>> Read(CancellationToken token) => source.ReadCountsAsync(begin.Generation, run, token);
            // While nothing was sent an archive that is away is told at once.
            yield return (run, await (from == range.From ? OnceAsync(Read, cancellation) : AgainAsync(Read, cancellation)).ConfigureAwait(false));
        }
    }

    /// <summary>The fewest sketches that make up the range.</summary>
    /// <exception cref="Exception">The archive does not answer any more.</exception>
    public async IAsyncEnumerable<StoredSketch> SketchesAsync(RangeBegin begin, SpanRun range, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var rows = options.Value.PageSketches;
        foreach (var run in SketchSpans.Cover(range.From, range.To))
        {
            StoredSketch? last = null;
            IReadOnlyList<StoredSketch> page;
            do
            {
                page = await AgainAsync(token => source.ReadSketchesAsync(begin.Generation, run, last, rows, token), cancellation).ConfigureAwait(false);
                foreach (var sketch in page) yield return sketch;
                last = page.Count > 0 ? page[^1] : null;
            }
            while (page.Count == rows);
        }
    }

    private async Task<T> AgainAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await OnceAsync(read, cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (attempt < Attempts && !cancellation.IsCancellationRequested)
            {
                Told(e);
                await Task.Delay(Pause, clock, cancellation).ConfigureAwait(false);
            }
        }
    }

    private async Task<T> OnceAsync<T>(Func<CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        var result = await reads.OnceAsync(read, cancellation).ConfigureAwait(false);
        if (Interlocked.Exchange(ref _away, 0) == 1) Back(logger);
        return result;
    }

    private void Told(Exception e)
    {
        if (Interlocked.Exchange(ref _away, 1) == 0) Away(logger, e.GetType().Name, e.Message);
    }

    [LoggerMessage(EventId = 4501, Level = LogLevel.Warning, Message = "The archive does not answer for ranges ({Error}: {Reason})")]
    private static partial void Away(ILogger logger, string error, string reason);

    [LoggerMessage(EventId = 4502, Level = LogLevel.Information, Message = "The archive answers for ranges again")]
    private static partial void Back(ILogger logger);
}
