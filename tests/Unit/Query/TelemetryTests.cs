using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Tally.QueryService.Reading;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Query;

/// <summary>A trace shows which sources were asked; the metrics say which layer answered.</summary>
[NonParallelizable]
public sealed class TelemetryTests
{
    [Test]
    public async Task Each_source_asked_is_a_child_span_of_the_request()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is ReadingTelemetry.Name or "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using var service = await QueryServiceOverHttp.StartAsync();
        service.Hold(new HourCounts(1, 2, 3));
        service.Redis.IsAway();
        var trace = ActivityTraceId.CreateRandom();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/analytics?timestamp=123");
        request.Headers.Add("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01");

        using var answer = await service.Http.SendAsync(request);

        Assert.That(() => Of(spans, trace).Count, Is.EqualTo(3).After(5000, 10));
        var found = Of(spans, trace);
        var server = found.Single(s => s.Kind == ActivityKind.Server);
        Assert.Multiple(() =>
        {
            Assert.That(found.Where(s => s != server).Select(s => s.ParentSpanId), Has.All.EqualTo(server.SpanId));
            Assert.That(found.Where(s => s != server).Select(s => s.OperationName), Is.EqualTo(new[] { "read redis", "read archive" }));
            Assert.That(found.Single(s => s.OperationName == "read redis").GetTagItem("error.type"), Is.EqualTo(nameof(IOException)));
            Assert.That(found.Single(s => s.OperationName == "read redis").GetTagItem("db.system.name"), Is.EqualTo("redis"));
            Assert.That(found.Single(s => s.OperationName == "read archive").Status, Is.EqualTo(ActivityStatusCode.Unset));
        });
    }

    [Test]
    public async Task Answers_are_counted_by_the_layer_that_had_them()
    {
        var counted = new ConcurrentDictionary<string, long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == ReadingTelemetry.Name) listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            counted.AddOrUpdate($"{instrument.Name} {(tags.Length > 0 ? tags[0].Value : "")}".Trim(), value, (_, sum) => sum + value));
        listener.Start();
        await using var service = await QueryServiceOverHttp.StartAsync("--Query:CacheFor=00:00:05");
        service.Hold(new HourCounts(1, 2, 3));

        for (var i = 0; i < 3; i++) await service.Http.GetStringAsync("/analytics?timestamp=1");
        service.Redis.Has(HourState.Absent, default, new SourceProgress(0, []));
        await service.Http.GetStringAsync("/analytics?timestamp=3600000");

        Assert.Multiple(() =>
        {
            Assert.That(counted.GetValueOrDefault("tally.query.answers redis"), Is.EqualTo(1));
            Assert.That(counted.GetValueOrDefault("tally.query.answers memory"), Is.EqualTo(2));
            Assert.That(counted.GetValueOrDefault("tally.query.answers archive"), Is.EqualTo(1));
            Assert.That(() => counted.GetValueOrDefault("tally.query.refills complete"), Is.EqualTo(1).After(5000, 10));
        });
    }

    private static List<Activity> Of(IEnumerable<Activity> spans, ActivityTraceId trace) =>
        [.. spans.Where(s => s.TraceId == trace).OrderBy(s => s.StartTimeUtc)];
}
