using System.Collections.Concurrent;
using System.Diagnostics;
using OpenTelemetry;
using Tally.Shared.Hosting;
using Tally.Shared.Observability;

namespace Tally.Tests.Unit.Observability;

/// <summary>Which requests have a span, by ASP.NET's name for its source.</summary>
[NonParallelizable]
public sealed class ServerSpansTests
{
    private const string Path = "url.path";

    private static readonly ActivitySource Requests = new("Microsoft.AspNetCore");

    [Test]
    public void A_request_that_is_not_sampled_has_none_and_one_in_ten_is()
    {
        using var sent = new Sent();
        using var spans = new ServerSpans(TraceSampler.Of("parentbased_traceidratio", "0.1"), sent);
        var made = 0;
        for (var n = 0; n < 20_000; n++)
        {
            using var span = Requests.StartActivity("request", ActivityKind.Server);
            if (span is null) continue;
            Assert.That(span.Recorded && span.IsAllDataRequested);
            made++;
        }
        // Six standard deviations of a draw of 20,000.
        Assert.That(made, Is.InRange(2000 - 255, 2000 + 255));
        Assert.That(sent, Has.Count.EqualTo(made));
    }

    [Test]
    public void A_caller_decides_for_its_trace_and_is_named_in_logs_either_way()
    {
        using var sent = new Sent();
        using var spans = new ServerSpans(TraceSampler.Of("parentbased_always_off", null), sent);
        var sampled = new ActivityContext(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded, null, isRemote: true);
        var passed = new ActivityContext(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.None, null, isRemote: true);
        using (var one = Requests.StartActivity("request", ActivityKind.Server, sampled))
        using (var other = Requests.StartActivity("request", ActivityKind.Server, passed))
        {
            Assert.That((one!.TraceId, one.ParentSpanId, one.Recorded), Is.EqualTo((sampled.TraceId, sampled.SpanId, true)));
            Assert.That((other!.TraceId, other.Recorded, other.IsAllDataRequested), Is.EqualTo((passed.TraceId, false, false)));
            Assert.That(Requests.StartActivity("request", ActivityKind.Server, default(ActivityContext)) is { Recorded: true }, Is.False);
        }
        Assert.That(sent.Select(span => span.TraceId), Is.EqualTo(new[] { sampled.TraceId }));
    }

    [TestCase("/health/ready", 0)]
    [TestCase("/metrics", 0)]
    [TestCase("/analytics", 1)]
    public void Probes_and_scrapes_are_not_sent(string path, int count)
    {
        using var sent = new Sent();
        using var spans = new ServerSpans(TraceSampler.Of(null, null), sent);
        Requests.StartActivity("request", ActivityKind.Server)!.SetTag(Path, path).Dispose();
        Assert.That(sent, Has.Count.EqualTo(count));
    }

    [Test]
    public void Once_disposed_it_listens_no_more()
    {
        using var sent = new Sent();
        new ServerSpans(TraceSampler.Of("always_on", null), sent).Dispose();
        Assert.That(Requests.StartActivity("request", ActivityKind.Server), Is.Null);
    }

    [TestCase("always", null, "OTEL_TRACES_SAMPLER is 'always': it must be always_on, always_off, traceidratio or one of these after parentbased_.")]
    [TestCase("traceidratio", "10%", "OTEL_TRACES_SAMPLER_ARG is '10%': it must be a number from 0 to 1.")]
    [TestCase("parentbased_traceidratio", "2", "OTEL_TRACES_SAMPLER_ARG is '2': it must be a number from 0 to 1.")]
    public void A_wrong_sampler_is_refused(string name, string? argument, string sentence) =>
        Assert.That(() => TraceSampler.Of(name, argument), Throws.TypeOf<ConfigurationException>().With.Message.EqualTo(sentence));

    /// <summary>In the exporter's place.</summary>
    private sealed class Sent : BaseProcessor<Activity>, IReadOnlyCollection<Activity>
    {
        private readonly ConcurrentQueue<Activity> _spans = new();

        public int Count => _spans.Count;

        public override void OnEnd(Activity data) => _spans.Enqueue(data);

        public IEnumerator<Activity> GetEnumerator() => _spans.GetEnumerator();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
