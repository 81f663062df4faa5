using System.Globalization;
using Tally.QueryService.Http;
using Tally.QueryService.Positions;
using Tally.QueryService.Reading;
using Tally.Shared.Observability;

namespace Tally.QueryService.Analytics;

/// <summary><c>GET /analytics?timestamp={ms}</c>.</summary>
public static class AnalyticsEndpoints
{
    public const string Path = "/analytics";
    public const string StaleHeader = "Tally-Stale";
    private const string TextType = "text/plain; charset=utf-8";
    private const string JsonType = "application/json";

    public static void MapAnalytics(this IEndpointRouteBuilder routes)
    {
        routes.Map(Path, GetHour);
    }

    /// <summary>
    /// The same call ahead of routing and all else, where nothing needs to know the route: without traces or metrics.
    /// </summary>
    public static void UseAnalytics(this WebApplication app)
    {
        if (!Telemetry.Enabled("TRACES") && !Telemetry.Enabled("METRICS"))
        {
            var reader = app.Services.GetRequiredService<HourReader>();
            var positions = app.Services.GetRequiredService<PositionReader<RememberedAnswer>>();
            app.Use(next => context => context.Request.Path.Value == Path ? GetHour(context, reader, positions) : next(context));
        }
        app.UseRouting();
    }

    private static Task GetHour(HttpContext context, HourReader reader, PositionReader<RememberedAnswer> positions)
    {
        if (!ReadOnlyCall.IsPlain(context.Request)) return ReadOnlyCall.RefuseAsync(context);
        var query = context.Request.QueryString.Value;
        var position = context.Request.Headers[WaitRequest.Header];
        if (position.Count > 0 || !HourQuery.TryParsePlain(query, out var hour))
        {
            if (!HourQuery.TryParse(query, position, out var request, out var problem)) return problem.WriteAsync(context);
            if (request.Wait is { } wait) return WaitAsync(context, reader, positions, request.Hour, wait);
            hour = request.Hour;
        }
        if (!reader.TryFind(hour, out var answer)) return ReadAsync(context, reader, hour);
        ReadingTelemetry.Answered(AnswerLayer.Memory, answer.Stale);
        Write(context, reader, answer);
        return Task.CompletedTask;
    }

    private static async Task ReadAsync(HttpContext context, HourReader reader, long hour)
    {
        try
        {
            await WriteAsync(context, reader, await reader.ReadAsync(hour, context.RequestAborted));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
    }

    private static async Task WaitAsync(HttpContext context, HourReader reader, PositionReader<RememberedAnswer> positions, long hour, WaitRequest wait)
    {
        try
        {
            var (answer, problem) = await positions.ReadAsync(hour, wait, context.RequestAborted);
            if (problem is null) await WriteAsync(context, reader, answer);
            else await PositionProblems.WriteAsync(problem, context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
    }

    private static Task WriteAsync(HttpContext context, HourReader reader, RememberedAnswer? answer)
    {
        ReadingTelemetry.Answered(answer?.Layer ?? AnswerLayer.None, answer?.Stale == true);
        if (answer is null) return ReadOnlyCall.NoSourceAsync(context);
        Write(context, reader, answer);
        return Task.CompletedTask;
    }

    /// <summary>One write into Kestrel's own buffer; it goes out when the request ends.</summary>
    private static void Write(HttpContext context, HourReader reader, RememberedAnswer answer)
    {
        var form = AcceptedForm.Of(context.Request.Headers.Accept);
        var response = context.Response;
        if (answer.Stale)
        {
            response.Headers[StaleHeader] = reader.AgeMs(answer.Answer).ToString(CultureInfo.InvariantCulture);
            // A number that may go back must be kept by nobody.
            response.Headers.CacheControl = "no-store";
        }
        else if (IsUnchanged(context, reader, answer, form))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        var body = answer.Answer.In(form);
        response.ContentType = form == AnswerForm.Json ? JsonType : TextType;
        response.ContentLength = body.Length;
        if (HttpMethods.IsHead(context.Request.Method)) return;
        var buffer = response.BodyWriter.GetSpan(body.Length);
        body.CopyTo(buffer);
        response.BodyWriter.Advance(body.Length);
    }

    /// <summary>Sets what the next read and caches (RFC 9111) need to know, and compares with what the client has.</summary>
    private static bool IsUnchanged(HttpContext context, HourReader reader, RememberedAnswer answer, AnswerForm form)
    {
        var headers = context.Response.Headers;
        var tag = answer.Answer.TagOf(form);
        headers.ETag = tag;
        headers.CacheControl = answer.Closed ? reader.ClosedCacheControl : "no-cache";
        if (answer.Answer.Position is { Length: > 0 } position) headers[WaitRequest.Header] = position;
        // Who waits for an event must not be given what a cache kept from before it.
        headers.Vary = "Accept, Tally-Position";
        var known = context.Request.Headers.IfNoneMatch;
        return known.Count > 0 && EntityTags.Contain(known, tag);
    }
}
