using System.Globalization;
using Tally.QueryService.Http;
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
            app.Use(next => context => context.Request.Path.Value == Path ? GetHour(context, reader) : next(context));
        }
        app.UseRouting();
    }

    private static Task GetHour(HttpContext context, HourReader reader)
    {
        if (!ReadOnlyCall.IsPlain(context.Request)) return ReadOnlyCall.RefuseAsync(context);
        var query = context.Request.QueryString.Value;
        if (!HourQuery.TryParsePlain(query, out var hour) && !HourQuery.TryParse(query, out hour, out var problem)) return problem.WriteAsync(context);
        if (!reader.TryFind(hour, out var answer)) return ReadAsync(context, reader, hour);
        ReadingTelemetry.Answered(AnswerLayer.Memory, answer.Stale);
        Write(context, reader, answer);
        return Task.CompletedTask;
    }

    private static async Task ReadAsync(HttpContext context, HourReader reader, long hour)
    {
        RememberedAnswer? answer;
        try
        {
            answer = await reader.ReadAsync(hour, context.RequestAborted);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return;
        }
        ReadingTelemetry.Answered(answer?.Layer ?? AnswerLayer.None, answer?.Stale == true);
        if (answer is null) await ReadOnlyCall.NoSourceAsync(context);
        else Write(context, reader, answer);
    }

    /// <summary>One write into Kestrel's own buffer; it goes out when the request ends.</summary>
    private static void Write(HttpContext context, HourReader reader, RememberedAnswer answer)
    {
        var form = AcceptedForm.Of(context.Request.Headers.Accept);
        var body = answer.Answer.In(form);
        var response = context.Response;
        response.ContentType = form == AnswerForm.Json ? JsonType : TextType;
        response.ContentLength = body.Length;
        if (answer.Stale) response.Headers[StaleHeader] = reader.AgeMs(answer.Answer).ToString(CultureInfo.InvariantCulture);
        if (HttpMethods.IsHead(context.Request.Method)) return;
        var buffer = response.BodyWriter.GetSpan(body.Length);
        body.CopyTo(buffer);
        response.BodyWriter.Advance(body.Length);
    }
}
