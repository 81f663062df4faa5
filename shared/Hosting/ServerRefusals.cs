using System.Diagnostics;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Tally.Shared.Hosting;

/// <summary>
/// Problem bodies for requests that Kestrel refuses before any endpoint sees them: a request line beyond the limit, too many headers, two
/// hosts, no HTTP at all. Kestrel tells of each through its event <c>BadRequest</c>; there the answer is begun with headers of ours, so that
/// Kestrel adds none, and the body follows on the connection, which ends with it. Requests that are served cost nothing.
/// </summary>
public sealed class ServerRefusals : DiagnosticSource
{
    private const string BadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";
    private const int DrainLimitBytes = 4 << 20;
    private static readonly TimeSpan DrainLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DrainQuiet = TimeSpan.FromMilliseconds(200);
    private static readonly object Key = new();

    private static readonly byte[] RequestLine = Body(414, "request-line-too-long", "query",
        "The request line is longer than 8192 bytes; no query string taken here is near that.");
    private static readonly byte[] Headers = Body(431, "headers-too-large", "headers", "There are more than 100 headers, or more than 32 KiB of them.");
    private static readonly byte[] TooLarge = Body(413, "body-too-large", "body", "The body is larger than Http:MaxBodyBytes allows.");
    private static readonly byte[] TooSlow = Body(408, "request-too-slow", "request", "The request did not arrive in time.");
    private static readonly byte[] Version = Body(505, "http-version", "version", "HTTP/1.0 and HTTP/1.1 are spoken here.");
    private static readonly byte[] Method = Body(405, "method-not-allowed", "method", "The method does not go with this form of request target.");
    private static readonly byte[] Host = Body(400, "invalid-host", "Host", "HTTP/1.1 takes exactly one Host header, and its value must be a host.");
    private static readonly byte[] Other = Body(400, "malformed-request", "request", "This is not a well-formed HTTP/1.1 request.");

    private ServerRefusals()
    {
    }

    /// <summary>To be registered as the <see cref="DiagnosticSource"/>, of which Kestrel is the only user.</summary>
    public static void Add(IServiceCollection services) => services.AddSingleton<DiagnosticSource>(new ServerRefusals());

    /// <summary>To be used on each endpoint that listens.</summary>
    public static void Follow(ListenOptions listen) => listen.Use(next => connection => FollowAsync(next, connection));

    /// <summary>The same answer for what Kestrel finds wrong while an endpoint reads the body.</summary>
    public static Task AnswerAsync(HttpContext context, BadHttpRequestException error)
    {
        var body = Choose(error);
        context.Response.StatusCode = error.StatusCode;
        context.Response.ContentType = ProblemBody.ContentType;
        context.Response.ContentLength = body.Length;
        context.Response.Headers.Connection = "close";
        return context.Response.Body.WriteAsync(body, CancellationToken.None).AsTask();
    }

    public override bool IsEnabled(string name) => name == BadRequest;

    public override void Write(string name, object? value)
    {
        if (value is not IFeatureCollection features || features.Get<IBadRequestExceptionFeature>()?.Error is not BadHttpRequestException error) return;
        if (features.Get<IHttpResponseFeature>() is not { HasStarted: false } response || features.Get<IConnectionItemsFeature>() is not { } connection
            || features.Get<IHttpResponseBodyFeature>() is not { } answer) return;
        var body = Choose(error);
        response.Headers.ContentType = ProblemBody.ContentType;
        response.Headers.ContentLength = body.Length;
        response.Headers.Connection = "close";
        var withBody = features.Get<IHttpRequestFeature>()?.Method != HttpMethods.Head;
        connection.Items[Key] = withBody ? body : ReadOnlyMemory<byte>.Empty;
        // Only fills the connection's buffer; what would go wrong here, such as a client that has gone, shows when the body is written.
        _ = answer.StartAsync(CancellationToken.None);
    }

    private static byte[] Choose(BadHttpRequestException error) => error.StatusCode switch
    {
        StatusCodes.Status414RequestUriTooLong => RequestLine,
        StatusCodes.Status431RequestHeaderFieldsTooLarge => Headers,
        StatusCodes.Status413PayloadTooLarge => TooLarge,
        StatusCodes.Status408RequestTimeout => TooSlow,
        StatusCodes.Status505HttpVersionNotsupported => Version,
        StatusCodes.Status405MethodNotAllowed => Method,
        // Kestrel's message is the only thing that tells; if its words change, the answer is the general one.
        _ => error.Message.Contains("Host header", StringComparison.Ordinal) ? Host : Other,
    };

    private static async Task FollowAsync(ConnectionDelegate next, ConnectionContext connection)
    {
        await next(connection).ConfigureAwait(false);
        if (!connection.Items.TryGetValue(Key, out var found) || found is not ReadOnlyMemory<byte> body) return;
        try
        {
            await connection.Transport.Output.WriteAsync(body, connection.ConnectionClosed).ConfigureAwait(false);
            await DrainAsync(connection).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The client has gone, or has sent enough.
        }
    }

    /// <summary>
    /// A socket closed over unread bytes is reset, and the reset may overtake the answer. So what the client is still sending is read and
    /// dropped: for a second, some megabytes, or until it is quiet.
    /// </summary>
    private static async Task DrainAsync(ConnectionContext connection)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        var begun = Stopwatch.GetTimestamp();
        for (long dropped = 0; dropped < DrainLimitBytes && Stopwatch.GetElapsedTime(begun) < DrainLimit;)
        {
            limit.CancelAfter(DrainQuiet);
            var read = await connection.Transport.Input.ReadAsync(limit.Token).ConfigureAwait(false);
            if (read.IsCompleted || read.IsCanceled) return;
            dropped += read.Buffer.Length;
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
        }
    }

    private static byte[] Body(int status, string code, string field, string detail) =>
        ProblemBody.Write(status, code, "The request was refused.", field, detail);
}
