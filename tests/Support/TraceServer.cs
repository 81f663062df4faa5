using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Tally.Tests.Support;

/// <summary>The Zipkin that takes OTLP from shared/tracing, where it is there and Java runs.</summary>
public sealed class TraceServer : IAsyncDisposable
{
    private readonly string _script;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-zipkin-");
    private readonly int _port = FreePort.Next();
    private readonly HttpClient _http = new();

    private TraceServer(string script) => _script = script;

    /// <summary>Environment that makes a service send its traces here, without delay.</summary>
    public IReadOnlyDictionary<string, string> Exporter => new Dictionary<string, string>
    {
        ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = $"http://127.0.0.1:{_port}/v1/traces",
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
    };

    /// <summary>Starts it, or skips the test with the reason.</summary>
    public static async Task<TraceServer> StartAsync()
    {
        var script = BuiltProgram.Beside("tracing", "zipkin");
        if (script is null) Assert.Ignore("There is no shared/tracing beside the repository: traces are not checked end to end.");
        if (!Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(d => File.Exists(Path.Combine(d, "java"))))
            Assert.Ignore("The trace server needs Java 17, which is not on the PATH.");
        var server = new TraceServer(script!);
        await server.RunAsync("start");
        return server;
    }

    /// <summary>Spans of a trace, or none while it is unknown.</summary>
    public async Task<IReadOnlyList<Span>> TraceAsync(string traceId)
    {
        using var answer = await _http.GetAsync(new Uri($"http://127.0.0.1:{_port}/api/v2/trace/{traceId}"));
        if (answer.StatusCode == HttpStatusCode.NotFound) return [];
        return Spans(JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement);
    }

    /// <summary>Spans of all traces in which a span of <paramref name="service"/> links to <paramref name="traceId"/>.</summary>
    public async Task<IReadOnlyList<Span>> LinkingAsync(string service, string traceId)
    {
        var json = await _http.GetStringAsync(new Uri($"http://127.0.0.1:{_port}/api/v2/traces?serviceName={service}&limit=1000"));
        return [.. JsonDocument.Parse(json).RootElement.EnumerateArray().SelectMany(Spans)
            .Where(s => s.Service == service && s.Tags.Any(t => t.Key.StartsWith("otel.link.", StringComparison.Ordinal) && t.Value.StartsWith(traceId, StringComparison.Ordinal)))];
    }

    /// <summary>Traces with a span of <paramref name="service"/>.</summary>
    public async Task<int> CountAsync(string service)
    {
        var json = await _http.GetStringAsync(new Uri($"http://127.0.0.1:{_port}/api/v2/traces?serviceName={service}&limit=1000"));
        return JsonDocument.Parse(json).RootElement.GetArrayLength();
    }

    public async ValueTask DisposeAsync()
    {
        await RunAsync("stop");
        _http.Dispose();
        _folder.Delete(recursive: true);
    }

    private static List<Span> Spans(JsonElement trace) =>
    [
        .. trace.EnumerateArray().Select(s => new Span(
            s.GetProperty("traceId").GetString()!,
            s.GetProperty("id").GetString()!,
            s.TryGetProperty("parentId", out var parent) ? parent.GetString() : null,
            s.TryGetProperty("localEndpoint", out var endpoint) && endpoint.TryGetProperty("serviceName", out var name) ? name.GetString()! : "",
            s.TryGetProperty("name", out var span) ? span.GetString()! : "",
            s.TryGetProperty("kind", out var kind) ? kind.GetString()! : "",
            s.TryGetProperty("tags", out var tags) ? tags.EnumerateObject().ToDictionary(t => t.Name, t => t.Value.GetString()!) : [])),
    ];

    private async Task RunAsync(string verb)
    {
        var start = new ProcessStartInfo(_script, [verb]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["ZIPKIN_DIR"] = _folder.FullName;
        start.Environment["ZIPKIN_PORT"] = _port.ToString(CultureInfo.InvariantCulture);
        using var process = Process.Start(start)!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) Assert.Ignore($"The trace server did not {verb} (exit code {process.ExitCode}).");
    }
}

/// <summary>A span as Zipkin gives it back: names in lower case.</summary>
public sealed record Span(
    string TraceId, string Id, string? ParentId, string Service, string Name, string Kind, IReadOnlyDictionary<string, string> Tags)
{
    public string? Tag(string name) => Tags.GetValueOrDefault(name);
}
