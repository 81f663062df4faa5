using System.Globalization;
using Microsoft.Extensions.Options;
using Tally.QueryService.Analytics;
using Tally.QueryService.Http;
using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Frames;

/// <summary><c>GET /frames</c>: unique users of windows in the order of their starts, streamed; <c>GET /frames/stats</c>: how the counting goes.</summary>
public static class FrameEndpoints
{
    public static void AddFrames(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<FrameReader>();
        builder.Services.AddSingleton<FrameRates>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<FrameRates>());
    }

    public static void MapFrames(this IEndpointRouteBuilder routes)
    {
        routes.Map("/frames", GetWindows);
        routes.Map("/frames/stats", GetStats);
    }

    private static async Task GetWindows(HttpContext context, FrameReader reader, StreamedAnswers streams, IOptions<QueryOptions> options, TimeProvider clock)
    {
        if (!ReadOnlyCall.IsPlain(context.Request))
        {
            await ReadOnlyCall.RefuseAsync(context);
            return;
        }
        if (!FrameQuery.TryParse(context.Request.QueryString.Value, out var query, out var problem))
        {
            await problem.WriteAsync(context);
            return;
        }
        if (streams.IsFull)
        {
            await StreamedAnswers.RefuseAsync(context);
            return;
        }
        var page = await reader.FirstAsync(query, context.RequestAborted);
        // No windows and a partition of which nothing is known: that says nothing.
        if (page is null || (page.Windows.Count == 0 && !page.Progress.Complete))
        {
            await ReadOnlyCall.NoSourceAsync(context);
            return;
        }
        await streams.WriteAsync(context, () =>
        {
            var ageMs = clock.GetUtcNow().ToUnixTimeMilliseconds() - page.Progress.AsOfMs;
            if (ageMs > options.Value.FreshWithin.TotalMilliseconds)
                context.Response.Headers[AnalyticsEndpoints.StaleHeader] = ageMs.ToString(CultureInfo.InvariantCulture);
            context.Response.ContentType = "application/json";
            return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : WriteAsync(context, reader, query, page);
        });
    }

    private static async Task WriteAsync(HttpContext context, FrameReader reader, FrameQuery query, FramePage? page)
    {
        using var json = new FrameJson(context.Response.BodyWriter);
        try
        {
            json.Begin();
            for (; page is not null; page = await reader.NextAsync(query, page, context.RequestAborted))
            {
                foreach (var window in page.Windows) json.Add(window);
                await json.FlushAsync(context.RequestAborted);
            }
            await json.EndAsync(context.RequestAborted);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
        catch (Exception) when (context.Response.HasStarted)
        {
            // An array that just ended would look whole: the connection breaks instead.
            context.Abort();
        }
    }

    private static async Task GetStats(HttpContext context, FrameReader reader, FrameRates rates, TimeProvider clock)
    {
        if (!ReadOnlyCall.IsPlain(context.Request))
        {
            await ReadOnlyCall.RefuseAsync(context);
            return;
        }
        if (await reader.RecordsAsync(context.RequestAborted) is not { Count: > 0 } records)
        {
            await ReadOnlyCall.NoSourceAsync(context);
            return;
        }
        var body = FrameStats.Write(new FrameTotals(records), rates.Now, clock.GetUtcNow().ToUnixTimeMilliseconds());
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}
