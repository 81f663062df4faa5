using System.Diagnostics;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>One POST is followed from HTTP through Kafka to Redis by its W3C trace context.</summary>
public sealed class TraceTests
{
    [Test]
    public async Task A_post_is_followed_through_every_service_and_a_get_shows_where_it_read()
    {
        await using var traces = await TraceServer.StartAsync();
        await using var pipeline = await Pipeline.StartAsync(traces.Exporter);
        var post = ActivityTraceId.CreateRandom().ToString();
        var get = ActivityTraceId.CreateRandom().ToString();

        using var posted = await SendAsync(pipeline, HttpMethod.Post, pipeline.CommandAt("/analytics?timestamp=123&user=canary-7f3a&click"), post);
        await Eventually.HoldsAsync("the event shows", TimeSpan.FromSeconds(20), async () =>
            (await pipeline.Http.GetStringAsync(pipeline.QueryAt("/analytics?timestamp=123"))).Contains("clicks,1", StringComparison.Ordinal));
        using var read = await SendAsync(pipeline, HttpMethod.Get, pipeline.QueryAt("/analytics?timestamp=999999999"), get);

        IReadOnlyList<Span> command = [], processor = [], materializer = [], query = [];
        await Eventually.HoldsAsync("all four services have sent their spans", TimeSpan.FromSeconds(20), async () =>
        {
            command = await traces.TraceAsync(post);
            processor = await traces.LinkingAsync("processor-service", post);
            if (processor.Count > 0) materializer = await traces.LinkingAsync("materializer-service", processor[0].TraceId);
            query = await traces.TraceAsync(get);
            return command.Count >= 2 && materializer.Count > 0 && query.Count >= 2;
        });

        Assert.Multiple(() =>
        {
            var server = command.Single(s => s.Kind == "SERVER");
            var send = command.Single(s => s.Kind == "PRODUCER");
            Assert.That(server.Service, Is.EqualTo("command-service"));
            Assert.That(server.Name, Is.EqualTo("post /analytics"));
            Assert.That(server.Tags.GetValueOrDefault("http.response.status_code"), Is.EqualTo("204"));
            Assert.That(send.Name, Is.EqualTo("send analytics.events"));
            Assert.That(send.ParentId, Is.EqualTo(server.Id));
            Assert.That(processor[0].Name, Is.EqualTo("process analytics.events"));
            Assert.That(materializer[0].Name, Is.EqualTo("process analytics.hours"));
            Assert.That(query.Select(s => s.Service), Has.All.EqualTo("query-service"));
            Assert.That(query.Select(s => s.Tags.GetValueOrDefault("db.system.name")), Has.Some.AnyOf("redis", "sqlite"));
            Assert.That(command.Concat(processor).Concat(materializer).SelectMany(s => s.Tags.Values), Has.None.Contains("canary-7f3a"),
                "a span holds a raw user id");
        });
    }

    private static Task<HttpResponseMessage> SendAsync(Pipeline pipeline, HttpMethod method, Uri uri, string traceId)
    {
        var request = new HttpRequestMessage(method, uri);
        request.Headers.Add("traceparent", $"00-{traceId}-{ActivitySpanId.CreateRandom()}-01");
        return pipeline.Http.SendAsync(request);
    }
}
