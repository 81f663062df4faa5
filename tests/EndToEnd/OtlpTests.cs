using System.Diagnostics;
using System.Globalization;
using System.Text;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>Traces, metrics and logs of a service as a collector gets them.</summary>
public sealed class OtlpTests
{
    // Tags of the fields in opentelemetry-proto 1.x: Span.trace_id = 1, LogRecord.trace_id = 9, both of 16 bytes.
    private const byte SpanTraceId = (1 << 3) | 2;
    private const byte LogTraceId = (9 << 3) | 2;

    [Test]
    public async Task A_request_that_fails_is_a_span_a_measurement_and_a_log_line_with_its_trace_id()
    {
        await using var collector = new OtlpReceiver();
        var port = FreePort.Next();
        // Nothing that it reads from is there: the archive's absence is logged by the first request that wants it.
        var nobody = FreePort.Next().ToString(CultureInfo.InvariantCulture);
        await using var query = ServiceProcess.Of("query-service", "QueryService", new Dictionary<string, string>(collector.Exporter)
        {
            ["Http__Port"] = port.ToString(CultureInfo.InvariantCulture),
            ["Kafka__BootstrapServers"] = $"127.0.0.1:{nobody}",
            ["Redis__Endpoints"] = $"127.0.0.1:{nobody}",
            ["Archive__ConnectionString"] = $"Host=127.0.0.1;Port={nobody};Database=tally;Username=tally;Timeout=2",
        });
        query.Start();
        using var http = new HttpClient();
        await Eventually.HoldsAsync("it answers", async () => (await http.GetAsync(new Uri($"http://127.0.0.1:{port}/health/live"))).IsSuccessStatusCode);

        var trace = ActivityTraceId.CreateRandom();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/flows?hour=1");
        request.Headers.Add("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01");
        using var answer = await http.SendAsync(request);
        Assert.That((int)answer.StatusCode, Is.EqualTo(503));

        var id = new byte[16];
        trace.CopyTo(id);
        await Eventually.HoldsAsync("its span came", () => Task.FromResult(collector.Has("/v1/traces", [SpanTraceId, 16, .. id], Bytes("GET /flows"), Bytes("query-service"))));
        await Eventually.HoldsAsync("its log came", () => Task.FromResult(collector.Has("/v1/logs", [LogTraceId, 16, .. id], Bytes("The archive does not answer for flows"), Bytes("query-service"))));
        await Eventually.HoldsAsync("its duration came", () => Task.FromResult(collector.Has("/v1/metrics", Bytes("http.server.request.duration"), Bytes("query-service"))));
        await Eventually.HoldsAsync("what the service prints has the trace id too", () => Task.FromResult(query.Log.Split('\n')
            .Any(line => line.Contains("The archive does not answer for flows", StringComparison.Ordinal) && line.Contains(trace.ToString(), StringComparison.Ordinal))));
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
