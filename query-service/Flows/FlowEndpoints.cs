using System.Globalization;
using Microsoft.Extensions.Options;
using Tally.QueryService.Analytics;
using Tally.QueryService.Http;
using Tally.QueryService.Reading;
using Tally.Shared.Archive;

namespace Tally.QueryService.Flows;

/// <summary><c>GET /flows?hour=N</c>: the hour's flows in order, streamed.</summary>
public static class FlowEndpoints
{
    public const string Path = "/flows";

    public static void AddFlows(this WebApplicationBuilder builder) => builder.Services.AddSingleton<FlowReader>();

    public static void MapFlows(this IEndpointRouteBuilder routes) => routes.Map(Path, GetFlows);

    private static async Task GetFlows(HttpContext context, FlowReader reader, IOptions<QueryOptions> options, TimeProvider clock)
    {
        if (!ReadOnlyCall.IsPlain(context.Request))
        {
            await ReadOnlyCall.RefuseAsync(context);
            return;
        }
        if (!FlowQuery.TryParse(context.Request.QueryString.Value, out var hour, out var problem))
        {
            await problem.WriteAsync(context);
            return;
        }
        var page = await reader.FirstAsync(hour, context.RequestAborted);
        // No flows and a partition of which nothing is known: that says nothing.
        if (page is null || (page.Rows.Count == 0 && !page.Progress.Complete))
        {
            await ReadOnlyCall.NoSourceAsync(context);
            return;
        }
        var ageMs = clock.GetUtcNow().ToUnixTimeMilliseconds() - page.Progress.AsOfMs;
        if (ageMs > options.Value.FreshWithin.TotalMilliseconds)
            context.Response.Headers[AnalyticsEndpoints.StaleHeader] = ageMs.ToString(CultureInfo.InvariantCulture);
        context.Response.ContentType = "application/json";
        if (!HttpMethods.IsHead(context.Request.Method)) await WriteAsync(context, reader, hour, page);
    }

    private static async Task WriteAsync(HttpContext context, FlowReader reader, long hour, FlowPage? page)
    {
        using var json = new FlowJson(context.Response.BodyWriter);
        try
        {
            json.Begin();
            for (; page is not null; page = await reader.NextAsync(hour, page, context.RequestAborted))
            {
                foreach (var row in page.Rows) json.Add(row);
                await json.FlushAsync(context.RequestAborted);
            }
            json.End();
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
}
