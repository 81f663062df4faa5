using System.Globalization;
using Microsoft.Extensions.Options;
using Tally.QueryService.Analytics;
using Tally.QueryService.Http;
using Tally.QueryService.Positions;
using Tally.QueryService.Reading;
using Tally.Shared.Archive;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Flows;

/// <summary><c>GET /flows?hour=N</c>: the hour's flows in order, streamed.</summary>
public static class FlowEndpoints
{
    public const string Path = "/flows";

    public static void AddFlows(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<FlowReader>();
        services.AddSingleton<IPositionedSource<ArchiveAnswer<FlowPage>>>(provider =>
            new ArchiveSource<FlowPage>(provider.GetRequiredService<FlowReader>().FirstAsync, page => page.Progress));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<PositionReader<ArchiveAnswer<FlowPage>>>(provider,
            ActivatorUtilities.CreateInstance<ArchiveWatch>(provider, (Func<Task<SourceProgress?>>)provider.GetRequiredService<FlowReader>().ProgressAsync),
            provider.GetRequiredKeyedService<IEventLog>(PositionRegistration.Flows)));
    }

    public static void MapFlows(this IEndpointRouteBuilder routes) => routes.Map(Path, GetFlows);

    private static async Task GetFlows(
        HttpContext context, FlowReader reader, StreamedAnswers streams, IPositionedSource<ArchiveAnswer<FlowPage>> source, PositionReader<ArchiveAnswer<FlowPage>> positions, IOptions<QueryOptions> options, TimeProvider clock)
    {
        if (!ReadOnlyCall.IsPlain(context.Request))
        {
            await ReadOnlyCall.RefuseAsync(context);
            return;
        }
        if (!FlowQuery.TryParse(context.Request.QueryString.Value, context.Request.Headers[WaitRequest.Header], out var request, out var problem))
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
                ? await positions.ReadAsync(request.Hour, wait, context.RequestAborted)
                : (await source.ReadAsync(request.Hour, context.RequestAborted), null);
            if (refusal is not null) await PositionProblems.WriteAsync(refusal, context);
            // No flows and a partition of which nothing is known: that says nothing.
            else if (answer is null || (answer.Begin.Rows.Count == 0 && !answer.Progress.Complete)) await ReadOnlyCall.NoSourceAsync(context);
            else await streams.WriteAsync(context, () =>
            {
                Mark(context, answer, options.Value, clock);
                context.Response.ContentType = "application/json";
                return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : WriteAsync(context, reader, request.Hour, answer.Begin);
            });
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
    }

    private static void Mark(HttpContext context, ArchiveAnswer<FlowPage> answer, QueryOptions options, TimeProvider clock)
    {
        var ageMs = clock.GetUtcNow().ToUnixTimeMilliseconds() - answer.Progress.AsOfMs;
        if (answer.Stale || ageMs > options.FreshWithin.TotalMilliseconds)
            context.Response.Headers[AnalyticsEndpoints.StaleHeader] = Math.Max(1, ageMs).ToString(CultureInfo.InvariantCulture);
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
