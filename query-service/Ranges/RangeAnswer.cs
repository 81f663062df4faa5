using System.IO.Pipelines;
using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.QueryService.Ranges;

/// <summary>The body of an answer: the series page by page, then its total.</summary>
public static class RangeAnswer
{
    /// <summary>Writes it while the pages are read.</summary>
    /// <param name="body">Where to.</param>
    /// <param name="reader">Has the sketches for the total.</param>
    /// <param name="request">What was asked.</param>
    /// <param name="begin">How far the archive was.</param>
    /// <param name="pages">Stands on the first of them.</param>
    /// <param name="cancellation">Nobody wants it any more.</param>
    /// <exception cref="Exception">The archive does not answer any more; the body is not whole.</exception>
    public static async Task WriteAsync(
        PipeWriter body, RangeReader reader, RangeRequest request, RangeBegin begin,
        IAsyncEnumerator<(SpanRun Run, IReadOnlyList<SpanCounts> Counts)> pages, CancellationToken cancellation)
    {
        using var json = new RangeJson(body, request);
        var total = new RangeTotal();
        json.Begin();
        do
        {
            json.Add(pages.Current.Run, pages.Current.Counts, total);
            await json.FlushAsync(cancellation);
        }
        while (await pages.MoveNextAsync());
        if (!total.IsExact)
            await foreach (var sketch in reader.SketchesAsync(begin, request.Range, cancellation)) total.Add(sketch);
        json.End(total);
    }
}
