using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Tally.Shared.Observability;

/// <summary>
/// Names ASP.NET's server spans (<c>POST /analytics</c>) and tags them by the semantic conventions for HTTP, those that are sampled only. The query string is
/// left out: that of a POST holds the raw user.
/// </summary>
public sealed class ServerSpanTags : IStartupFilter
{
    internal const string Path = "url.path";

    // https://opentelemetry.io/docs/specs/semconv/http/http-spans/: a method that nobody knows must not become a value of its own.
    private static readonly string[] Methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE"];

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(TagAsync);
        next(app);
    };

    // Most requests are not sampled: they pass without a state machine of their own.
    private static Task TagAsync(HttpContext context, RequestDelegate next) =>
        context.Features.Get<IHttpActivityFeature>()?.Activity is { IsAllDataRequested: true } activity ? TaggedAsync(activity, context, next) : next(context);

    private static async Task TaggedAsync(Activity activity, HttpContext context, RequestDelegate next)
    {
        TagRequest(activity, context.Request);
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            activity.SetTag("error.type", e.GetType().FullName).SetStatus(ActivityStatusCode.Error);
            throw;
        }
        finally
        {
            TagAnswer(activity, context);
        }
    }

    private static void TagRequest(Activity activity, HttpRequest request)
    {
        var known = Array.IndexOf(Methods, request.Method) >= 0;
        activity.SetTag("http.request.method", known ? request.Method : "_OTHER");
        if (!known) activity.SetTag("http.request.method_original", request.Method);
        activity.SetTag("url.scheme", request.Scheme);
        activity.SetTag(Path, (request.PathBase + request.Path).Value);
        activity.SetTag("network.protocol.version", request.Protocol is "HTTP/1.1" ? "1.1" : request.Protocol.Replace("HTTP/", "", StringComparison.Ordinal));
        if (request.Host.HasValue) activity.SetTag("server.address", request.Host.Host);
        if (request.Host.Port is { } port) activity.SetTag("server.port", port);
        if (request.Headers.UserAgent is { Count: > 0 } agent) activity.SetTag("user_agent.original", agent.ToString());
    }

    private static void TagAnswer(Activity activity, HttpContext context)
    {
        var method = (string)activity.GetTagItem("http.request.method")!;
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
        activity.DisplayName = $"{(method == "_OTHER" ? "HTTP" : method)}{(route is null ? "" : " " + route)}";
        activity.SetTag("http.route", route);
        var status = context.Response.StatusCode;
        activity.SetTag("http.response.status_code", status);
        if (status < StatusCodes.Status500InternalServerError || activity.Status == ActivityStatusCode.Error) return;
        activity.SetTag("error.type", status.ToString(System.Globalization.CultureInfo.InvariantCulture)).SetStatus(ActivityStatusCode.Error);
    }
}
