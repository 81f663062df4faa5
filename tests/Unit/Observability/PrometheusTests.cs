using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using Tally.Shared.Observability;

namespace Tally.Tests.Unit.Observability;

public sealed class PrometheusTests
{
    [TestCase("messaging.process.duration", "s", MetricType.Histogram, "messaging_process_duration_seconds")]
    [TestCase("messaging.client.sent.messages", "{message}", MetricType.LongSum, "messaging_client_sent_messages_total")]
    [TestCase("dotnet.process.memory.working_set", "By", MetricType.LongSumNonMonotonic, "dotnet_process_memory_working_set_bytes")]
    [TestCase("tally.processor.lag", "{record}", MetricType.LongGauge, "tally_processor_lag")]
    [TestCase("cache.hits", "1", MetricType.DoubleGauge, "cache_hits_ratio")]
    [TestCase("requests_total", "", MetricType.LongSum, "requests_total")]
    [TestCase("5xx.seconds", "s", MetricType.Histogram, "_5xx_seconds")]
    public void Names_follow_the_rules_of_OpenTelemetry(string instrument, string unit, MetricType type, string name) =>
        Assert.That(PrometheusNames.Of(instrument, unit, type), Is.EqualTo(name));

    [TestCase("127.0.0.1", true)]
    [TestCase("::1", true)]
    [TestCase("::ffff:127.0.0.1", true)]
    [TestCase(null, true)]
    [TestCase("10.0.0.7", false)]
    [TestCase("::ffff:10.0.0.7", false)]
    [TestCase("2001:db8::1", false)]
    public void Only_this_machine_is_answered_unless_a_setting_says_otherwise(string? client, bool answered) =>
        Assert.That(Telemetry.IsThisMachine(client is null ? null : IPAddress.Parse(client)), Is.EqualTo(answered));

    [Test]
    public void A_scrape_holds_counters_gauges_and_histograms_with_their_labels()
    {
        using var meter = new Meter("Tally.Test.A");
        using var exporter = new PrometheusExporter();
        using var provider = Provider(meter, exporter);
        meter.CreateCounter<long>("tally.events", "{event}", "What came\nin").Add(3, new KeyValuePair<string, object?>("tally.outcome", "a \"b\"\\c"));
        meter.CreateObservableGauge("tally.age", () => 1.5, "s");
        var histogram = meter.CreateHistogram("tally.took", "s", null, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        foreach (var value in (double[])[0.05, 0.5, 0.5, 5]) histogram.Record(value);

        var lines = exporter.Scrape(openMetrics: false).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.That(lines, Is.EqualTo((string[])
        [
            "# TYPE tally_age_seconds gauge",
            "tally_age_seconds 1.5",
            "# TYPE tally_events_total counter",
            "# HELP tally_events_total What came\\nin",
            "tally_events_total{tally_outcome=\"a \\\"b\\\"\\\\c\"} 3",
            "# TYPE tally_took_seconds histogram",
            "tally_took_seconds_bucket{le=\"0.1\"} 1",
            "tally_took_seconds_bucket{le=\"1\"} 3",
            "tally_took_seconds_bucket{le=\"+Inf\"} 4",
            "tally_took_seconds_sum 6.05",
            "tally_took_seconds_count 4",
        ]));
    }

    [Test]
    public void A_sampled_trace_is_an_exemplar_in_OpenMetrics()
    {
        using var meter = new Meter("Tally.Test.B");
        using var exporter = new PrometheusExporter();
        using var provider = Provider(meter, exporter);
        var histogram = meter.CreateHistogram("tally.took", "s", null, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        using (var activity = new Activity("sampled") { ActivityTraceFlags = ActivityTraceFlags.Recorded }.SetIdFormat(ActivityIdFormat.W3C).Start())
        {
            histogram.Record(0.5);
            var text = exporter.Scrape(openMetrics: true);

            Assert.Multiple(() =>
            {
                Assert.That(text, Does.Match($"tally_took_seconds_bucket{{le=\"1\"}} 1 # {{trace_id=\"{activity.TraceId}\",span_id=\"{activity.SpanId}\"}} 0.5 "));
                Assert.That(text, Does.Match("tally_took_seconds_bucket{le=\"0.1\"} 0\n"));
                Assert.That(text, Does.EndWith("# EOF\n"));
            });
        }
        meter.CreateCounter<long>("tally.events").Add(1);
        Assert.That(exporter.Scrape(openMetrics: true), Does.Contain("# TYPE tally_events counter\ntally_events_total 1\n"));
    }

    private static MeterProvider Provider(Meter meter, PrometheusExporter exporter) => Sdk.CreateMeterProviderBuilder()
        .AddMeter(meter.Name).SetExemplarFilter(ExemplarFilterType.TraceBased).AddReader(new BaseExportingMetricReader(exporter)).Build();
}
