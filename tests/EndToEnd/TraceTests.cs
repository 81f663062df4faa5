using System.Diagnostics;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>POSTs are followed from HTTP through Kafka to Redis and the archive by their W3C trace context.</summary>
public sealed class TraceTests
{
    [Test]
    public async Task One_post_is_one_trace_through_every_service_and_a_get_shows_where_it_read()
    {
        await using var traces = await TraceServer.StartAsync();
        await using var pipeline = await Pipeline.StartAsync(traces.Exporter);
        var post = ActivityTraceId.CreateRandom().ToString();
        var get = ActivityTraceId.CreateRandom().ToString();

        using var posted = await SendAsync(pipeline, HttpMethod.Post, pipeline.CommandAt("/analytics?timestamp=123&user=canary-7f3a&click"), post);
        await ShowsAsync(pipeline, "clicks,1");
        using var read = await SendAsync(pipeline, HttpMethod.Get, pipeline.QueryAt("/analytics?timestamp=999999999"), get);
        IReadOnlyList<Span> all = [], query = [];
        await Eventually.HoldsAsync("all four services have sent their spans", async () =>
        {
            all = await traces.TraceAsync(post);
            query = await traces.TraceAsync(get);
            return all.Count >= 7 && query.Count >= 2;
        });

        var server = all.Single(s => s.Kind == "SERVER");
        var send = all.Single(s => s.Kind == "PRODUCER");
        var process = all.Single(s => s.Service == "processor-service");
        var sinks = all.Where(s => s.Service == "materializer-service" && s.Kind == "CONSUMER").ToList();
        var writes = all.Where(s => s.Service == "materializer-service" && s.Kind == "CLIENT").ToList();
        Assert.Multiple(() =>
        {
            Assert.That(all, Has.Count.EqualTo(7));
            Assert.That((server.Service, server.Name, server.Tag("http.response.status_code"), server.Tag("http.route"), server.Tag("http.request.method")),
                Is.EqualTo(("command-service", "post /analytics", "204", "/analytics", "POST")));
            Assert.That((send.Service, send.Name, send.ParentId), Is.EqualTo(("command-service", "send analytics.events", server.Id)));
            Assert.That((process.Name, process.Kind, process.ParentId), Is.EqualTo(("process analytics.events", "CONSUMER", send.Id)));
            Assert.That(sinks.Select(s => (s.Name, s.ParentId)), Is.EqualTo(Enumerable.Repeat(("process analytics.hours", process.Id), 2)), "both sinks");
            Assert.That(writes.Select(s => s.ParentId), Is.EquivalentTo(sinks.Select(s => s.Id)));
            Assert.That(writes.Select(s => (s.Tag("db.system.name"), s.Tag("db.operation.name"))), Is.EquivalentTo(new[] { ("redis", "EVAL"), ("sqlite", "INSERT") }));
            foreach (var messaging in sinks.Append(process).Append(send)) Assert.That(messaging.Tag("messaging.system"), Is.EqualTo("kafka"));
            Assert.That(sinks.Append(process).Select(s => s.Tag("messaging.consumer.group.name")), Has.All.StartsWith("tally-"));
            Assert.That(query.Select(s => s.Service), Has.All.EqualTo("query-service"));
            Assert.That(query.Where(s => s.Kind == "CLIENT").Select(s => s.Tag("db.system.name")), Has.Some.AnyOf("redis", "sqlite"));
            Assert.That(query.Where(s => s.Kind == "CLIENT").Select(s => s.ParentId), Has.All.EqualTo(query.Single(s => s.Kind == "SERVER").Id));
            Assert.That(all.SelectMany(s => s.Tags.Values), Has.None.Contains("canary-7f3a"), "a span holds a raw user id");
        });
    }

    [Test]
    public async Task Many_posts_of_one_commit_are_links_of_its_span_and_unsampled_ones_leave_none()
    {
        await using var traces = await TraceServer.StartAsync();
        await using var pipeline = await Pipeline.StartAsync(new Dictionary<string, string>(traces.Exporter) { ["OTEL_TRACES_SAMPLER"] = "parentbased_always_off" });
        var sampled = Enumerable.Range(0, 12).Select(_ => ActivityTraceId.CreateRandom().ToString()).ToList();

        await Task.WhenAll(sampled.Select(async (id, i) =>
        {
            using var answer = await SendAsync(pipeline, HttpMethod.Post, pipeline.CommandAt($"/analytics?timestamp=123&user=u{i}&click"), id);
            using var silent = await pipeline.Http.PostAsync(pipeline.CommandAt($"/analytics?timestamp=123&user=v{i}&click"), null);
        }));
        await ShowsAsync(pipeline, "clicks,24");

        foreach (var id in sampled)
        {
            await Eventually.HoldsAsync($"{id} leads to the processor", async () =>
                (await traces.TraceAsync(id)).Any(s => s.Service == "processor-service") || (await traces.LinkingAsync("processor-service", id)).Count > 0);
        }
        Assert.That(await traces.CountAsync("command-service"), Is.EqualTo(sampled.Count), "a POST that nobody samples leaves no trace");
    }

    private static Task ShowsAsync(Pipeline pipeline, string line) => Eventually.HoldsAsync("the events show", async () =>
        (await pipeline.Http.GetStringAsync(pipeline.QueryAt("/analytics?timestamp=123"))).Contains(line, StringComparison.Ordinal));

    private static Task<HttpResponseMessage> SendAsync(Pipeline pipeline, HttpMethod method, Uri uri, string traceId)
    {
        var request = new HttpRequestMessage(method, uri);
        request.Headers.Add("traceparent", $"00-{traceId}-{ActivitySpanId.CreateRandom()}-01");
        return pipeline.Http.SendAsync(request);
    }
}
