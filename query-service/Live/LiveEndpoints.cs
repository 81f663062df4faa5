using Microsoft.Extensions.Options;
using Tally.QueryService.Http;
using Tally.Shared.Hosting;

namespace Tally.QueryService.Live;

/// <summary><c>GET /analytics/live</c>: the current hour as server-sent events.</summary>
public static class LiveEndpoints
{
    public const string Path = "/analytics/live";
    private const int RetryAfterSeconds = 5;

    private static readonly Problem TooMany = new(StatusCodes.Status503ServiceUnavailable, "too-many-listeners", "Too many listeners.", null,
        "Live:MaxListeners streams are open. Come back after Retry-After, or read GET /analytics?timestamp={ms}.");

    public static WebApplicationBuilder AddLive(this WebApplicationBuilder builder)
    {
        builder.Services.AddValidatedOptions<LiveOptions>(LiveOptions.Section);
        builder.Services.AddSingleton<LiveFeed>();
        return builder;
    }

    public static void MapLive(this IEndpointRouteBuilder routes) => routes.Map(Path, ListenAsync);

    private static async Task ListenAsync(HttpContext context, LiveFeed feed, IOptions<LiveOptions> options, IHostApplicationLifetime lifetime, TimeProvider clock)
    {
        if (!HttpMethods.IsGet(context.Request.Method))
        {
            // A stream without a body is none.
            await Problems.MethodNotAllowed.WriteAsync(context, HttpMethods.Get);
            return;
        }
        if (!ReadOnlyCall.IsPlain(context.Request))
        {
            await ReadOnlyCall.RefuseAsync(context);
            return;
        }
        if (!QueryParameters.TryRead(context.Request.QueryString.Value, [], out _, out var problem))
        {
            await problem.WriteAsync(context);
            return;
        }
        if (!feed.TryJoin())
        {
            await TooMany.WriteAsync(context, RetryAfterSeconds);
            return;
        }
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            await StreamAsync(context, new LiveListener(context, options.Value.SlowAfter, clock), feed, ended.Token);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
        }
        finally
        {
            feed.Leave();
        }
    }

    private static async Task StreamAsync(HttpContext context, LiveListener listener, LiveFeed feed, CancellationToken ended)
    {
        var headers = context.Response.Headers;
        headers.ContentType = "text/event-stream";
        headers.CacheControl = "no-store";
        // nginx would gather events otherwise.
        headers["X-Accel-Buffering"] = "no";
        if (!await listener.TakeAsync("retry: 1000\n\n"u8.ToArray(), ended)) return;

        var known = context.Request.Headers["Last-Event-ID"].ToString();
        var resumed = LiveEvent.TryReadHour(known, out var hour);
        while (true)
        {
            var (current, next) = feed.Look();
            if (current is not null && current.Id != known)
            {
                // Who was away while the hour ended gets its numbers once more before those of the new one.
                if (resumed && hour < current.Hour && await feed.ReadAsync(hour) is { } last && last.Id != known && !await listener.TakeAsync(last.Bytes, ended)) return;
                (resumed, known) = (false, current.Id);
                if (!await listener.TakeAsync(current.Bytes, ended)) return;
            }
            await next.WaitAsync(ended);
            // Nothing new: the silence has lasted long enough.
            if (feed.Look().Current?.Id == known && !await listener.TakeAsync(LiveEvent.Heartbeat, ended)) return;
        }
    }
}
