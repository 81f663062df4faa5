using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Tally.QueryService.Analytics;
using Tally.QueryService.Http;
using Tally.QueryService.Positions;
using Tally.QueryService.Reading;
using Tally.Shared.Hosting;
using Tally.Shared.ReadModel;
using Tally.Shared.Sketches;

namespace Tally.QueryService.Ranges;

/// <summary><c>GET /analytics/range?from={ms}&amp;to={ms}&amp;step=hour|day</c>: a series with its total, streamed.</summary>
public static class RangeEndpoints
{
    public const string Path = "/analytics/range";

    public static WebApplicationBuilder AddRanges(this WebApplicationBuilder builder)
    {
        builder.Services.AddValidatedOptions<RangeOptions>(RangeOptions.Section);
        builder.Services.AddSingleton<RangeReader>();
        builder.Services.AddSingleton<IPositionedSource<ArchiveAnswer<RangeBegin>>>(provider =>
        {
            var reader = provider.GetRequiredService<RangeReader>();
            // Which hours a range spans makes no difference to how far the archive is.
            return new ArchiveSource<RangeBegin>((_, cancellation) => reader.TryBeginAsync(cancellation), begin => begin.Progress);
        });
        builder.Services.AddSingleton(provider =>
        {
            var reader = provider.GetRequiredService<RangeReader>();
            Func<Task<SourceProgress?>> ask = async () => (await reader.TryBeginAsync(CancellationToken.None).ConfigureAwait(false))?.Progress;
            return ActivatorUtilities.CreateInstance<PositionReader<ArchiveAnswer<RangeBegin>>>(provider, ActivatorUtilities.CreateInstance<ArchiveWatch>(provider, ask));
        });
        return builder;
    }

    public static void AddRangeWarmUp(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RangeWarmUp>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<RangeWarmUp>());
        builder.Services.AddHealthChecks().Add(new HealthCheckRegistration("ranges", provider => provider.GetRequiredService<RangeWarmUp>(), failureStatus: null, tags: [HealthEndpoints.Ready]));
    }

    public static void MapRanges(this IEndpointRouteBuilder routes) => routes.Map(Path, GetRange);

    private static async Task GetRange(
        HttpContext context, RangeReader reader, StreamedAnswers streams, IPositionedSource<ArchiveAnswer<RangeBegin>> source, PositionReader<ArchiveAnswer<RangeBegin>> positions, IOptions<RangeOptions> options, IOptions<QueryOptions> query, TimeProvider clock)
    {
        if (!ReadOnlyCall.IsPlain(context.Request))
        {
            await ReadOnlyCall.RefuseAsync(context);
            return;
        }
        var position = context.Request.Headers[WaitRequest.Header];
        if (!RangeQuery.TryParse(context.Request.QueryString.Value, position, options.Value.MaxDays, out var request, out var problem))
        {
            await problem.WriteAsync(context);
            return;
        }
        if (streams.IsFull)
        {
            await StreamedAnswers.RefuseAsync(context);
            return;
        }
        try
        {
            var (answer, refusal) = request.Wait is { } wait
                ? await positions.ReadAsync(request.Range.From, wait, context.RequestAborted)
                : (await source.ReadAsync(request.Range.From, context.RequestAborted), null);
            if (refusal is not null) await PositionProblems.WriteAsync(refusal, context);
            // Zeros of a partition of which nothing is known say nothing.
            else if (answer is not { Progress.Complete: true }) await ReadOnlyCall.NoSourceAsync(context);
            else await streams.WriteAsync(context, () => WriteAsync(context, reader, request, answer.Begin, StaleMs(answer, query.Value, clock)));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
    }

    /// <summary>Age in ms to mark the answer with; null for one that is fresh.</summary>
    private static long? StaleMs(ArchiveAnswer<RangeBegin> answer, QueryOptions query, TimeProvider clock)
    {
        var ageMs = clock.GetUtcNow().ToUnixTimeMilliseconds() - answer.Progress.AsOfMs;
        return answer.Stale || ageMs > query.FreshWithin.TotalMilliseconds ? Math.Max(1, ageMs) : null;
    }

    private static async Task WriteAsync(HttpContext context, RangeReader reader, RangeRequest request, RangeBegin begin, long? staleMs)
    {
        await using var pages = reader.CountsAsync(begin, request.Range, context.RequestAborted).GetAsyncEnumerator();
        if (!await TryFirstAsync(pages, context))
        {
            await ReadOnlyCall.NoSourceAsync(context);
            return;
        }
        var response = context.Response;
        if (staleMs is { } ms) response.Headers[AnalyticsEndpoints.StaleHeader] = ms.ToString(CultureInfo.InvariantCulture);
        response.Headers.CacheControl = staleMs is null ? "no-cache" : "no-store";
        response.ContentType = "application/json";
        if (HttpMethods.IsHead(context.Request.Method)) return;
        try
        {
            await RangeAnswer.WriteAsync(response.BodyWriter, reader, request, begin, pages, context.RequestAborted);
        }
        catch (Exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            // A series that just ended would look whole: the connection breaks instead.
            context.Abort();
        }
    }

    private static async Task<bool> TryFirstAsync(IAsyncEnumerator<(SpanRun, IReadOnlyList<SpanCounts>)> pages, HttpContext context)
    {
        try
        {
            return await pages.MoveNextAsync();
        }
        catch (Exception) when (!context.RequestAborted.IsCancellationRequested)
        {
            return false;
        }
    }
}
