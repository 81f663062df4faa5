using System.Collections.Concurrent;
using System.Globalization;
using System.Net;

namespace Tally.Tests.Support;

/// <summary>Takes OTLP over HTTP, as a collector would, and keeps what came by path: <c>/v1/traces</c>, <c>/v1/metrics</c>, <c>/v1/logs</c>.</summary>
public sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly ConcurrentQueue<(string Path, byte[] Body)> _came = new();
    private readonly Task _taking;

    public OtlpReceiver()
    {
        Endpoint = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePort.Next()}");
        _listener.Prefixes.Add(Endpoint + "/");
        _listener.Start();
        _taking = TakeAsync();
    }

    public string Endpoint { get; }

    /// <summary>Environment that makes a service send all three signals here, without delay.</summary>
    public IReadOnlyDictionary<string, string> Exporter => new Dictionary<string, string>
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Endpoint,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
        ["OTEL_BLRP_SCHEDULE_DELAY"] = "200",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
    };

    /// <summary>Whether a body that came to <paramref name="path"/> holds all of <paramref name="parts"/>.</summary>
    public bool Has(string path, params byte[][] parts) => _came.Any(one => one.Path == path && parts.All(part => one.Body.AsSpan().IndexOf(part) >= 0));

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _taking;
    }

    private async Task TakeAsync()
    {
        try
        {
            while (true)
            {
                var call = await _listener.GetContextAsync();
                using var body = new MemoryStream();
                await call.Request.InputStream.CopyToAsync(body);
                _came.Enqueue((call.Request.Url!.AbsolutePath, body.ToArray()));
                call.Response.ContentType = "application/x-protobuf";
                call.Response.Close();
            }
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // Closed.
        }
    }
}
