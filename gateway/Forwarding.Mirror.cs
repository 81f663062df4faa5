using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;

namespace Tally.Gateway;

/// <summary>Where YARP cannot be restored: a few lines that forward requests as they are, streaming both ways.</summary>
public static class Forwarding
{
    // RFC 9110, 7.6.1: these belong to one connection and are not handed on.
    private static readonly HashSet<string> HopByHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Expect",
    };

    /// <summary>Whom a service may count requests by: a client's own word for it is worth nothing.</summary>
    private const string ForwardedFor = "X-Forwarded-For";

    public static void AddForwarding(this WebApplicationBuilder builder) => builder.Services.AddSingleton<Backends>();

    public static void MapForwarding(this WebApplication app)
    {
        var backends = app.Services.GetRequiredService<Backends>();
        app.MapFallback("{**rest}", (RequestDelegate)(context => ForwardAsync(context, backends)));
    }

    private static async Task ForwardAsync(HttpContext context, Backends backends)
    {
        if (await RequestTarget.RefusesAsync(context)) return;
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        timeout.CancelAfter(backends.Timeout);
        try
        {
            using var response = await SendAsync(context, backends, timeout.Token);
            // A stream (server-sent events) may last: only the headers are under the time limit.
            timeout.CancelAfter(Timeout.InfiniteTimeSpan);
            await AnswerAsync(context, response, timeout.Token);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
        }
        catch (HttpRequestException e) when (e.GetBaseException() is BadHttpRequestException)
        {
            // The client's own body was at fault, such as larger than Http:MaxBodyBytes: no service is away.
            await ServerRefusals.AnswerAsync(context, (BadHttpRequestException)e.GetBaseException());
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException && !context.Response.HasStarted)
        {
            await ServiceAway.AnswerAsync(context);
        }
    }

    /// <summary>Sends to the first instance that answers; a request that may have had an effect, or has a body, to one only.</summary>
    private static async Task<HttpResponseMessage> SendAsync(HttpContext context, Backends backends, CancellationToken cancellation)
    {
        var (instances, first) = backends.Choose(context);
        for (var tried = 1; ; tried++)
        {
            var request = Copy(context, instances[(first + tried - 1) % instances.Length]);
            context.Response.RegisterForDispose(request);
            try
            {
                return await backends.Client.SendAsync(request, cancellation);
            }
            catch (HttpRequestException) when (tried < instances.Length && Backends.IsRead(context.Request.Method) && request.Content is null)
            {
            }
        }
    }

    private static HttpRequestMessage Copy(HttpContext context, Uri backend)
    {
        var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), new Uri(backend.GetLeftPart(UriPartial.Authority) + RequestTarget.Of(context),
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        if (context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true })
        {
            request.Content = new StreamContent(context.Request.Body);
            // A service that refuses by the headers alone answers before the body comes: its answer arrives instead of a broken pipe.
            request.Headers.ExpectContinue = true;
        }
        else if (!Backends.IsRead(context.Request.Method))
        {
            // Without any content the handler would send a request again whose connection broke: an event without an id could count twice.
            request.Content = new ByteArrayContent([]);
        }
        foreach (var (name, values) in context.Request.Headers)
        {
            if (HopByHop.Contains(name) || name.Equals(ForwardedFor, StringComparison.OrdinalIgnoreCase)) continue;
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
                request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
        }
        if (context.Connection.RemoteIpAddress is { } client) request.Headers.TryAddWithoutValidation(ForwardedFor, client.ToString());
        return request;
    }

    private static async Task AnswerAsync(HttpContext context, HttpResponseMessage response, CancellationToken cancellation)
    {
        context.Response.StatusCode = (int)response.StatusCode;
        foreach (var (name, values) in response.Headers.Concat(response.Content.Headers))
            if (!HopByHop.Contains(name)) context.Response.Headers.Append(name, values.ToArray());
        if (response.StatusCode is HttpStatusCode.NoContent or HttpStatusCode.NotModified) return;
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);
        await body.CopyToAsync(context.Response.Body, cancellation);
    }

    private sealed class Backends(IOptions<GatewayOptions> options) : IDisposable
    {
        private readonly Uri[] _command = [.. options.Value.Command.Select(a => new Uri(a))];
        private readonly Uri[] _query = [.. options.Value.Query.Select(a => new Uri(a))];
        private uint _turn;

        public TimeSpan Timeout => options.Value.Timeout;

        public HttpMessageInvoker Client { get; } = new(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = TimeSpan.FromSeconds(2),
            Expect100ContinueTimeout = TimeSpan.FromSeconds(5),
            // Kestrel reads headers as UTF-8; what it took is handed on as it came.
            RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8,
        });

        public static bool IsRead(string method) => HttpMethods.IsGet(method) || HttpMethods.IsHead(method);

        /// <returns>The instances of the service, and the index of the one to ask first.</returns>
        public (Uri[] Instances, int First) Choose(HttpContext context) => IsRead(context.Request.Method)
            ? (_query, ClientInstance.Of(context.Connection.RemoteIpAddress, _query.Length))
            : (_command, (int)(Interlocked.Increment(ref _turn) % (uint)_command.Length));

        public void Dispose() => Client.Dispose();
    }
}
