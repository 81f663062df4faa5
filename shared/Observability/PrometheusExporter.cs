using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Tally.Shared.Observability;

/// <summary>
/// Metrics in Prometheus's text form 0.0.4 or OpenMetrics 1.0 (which adds exemplars), collected when asked for. Names follow OpenTelemetry's rules for
/// Prometheus: dots become underscores, the unit and <c>_total</c> are appended. The library's own exporter is a pre-release and does not restore
/// everywhere.
/// </summary>
[ExportModes(ExportModes.Pull)]
public sealed class PrometheusExporter : BaseExporter<Metric>, IPullMetricExporter
{
    public const string TextType = "text/plain; version=0.0.4; charset=utf-8";
    public const string OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private readonly Lock _one = new();
    private readonly StringBuilder _text = new();
    private bool _openMetrics;

    public Func<int, bool>? Collect { get; set; }

    /// <summary>All metrics as of now.</summary>
    public string Scrape(bool openMetrics)
    {
        lock (_one)
        {
            _text.Clear();
            _openMetrics = openMetrics;
            Collect?.Invoke((int)Limit.TotalMilliseconds);
            if (openMetrics) _text.Append("# EOF\n");
            return _text.ToString();
        }
    }

    public override ExportResult Export(in Batch<Metric> batch)
    {
        // One name may come from several meters, and may be written only once, all of its samples together.
        var families = new SortedDictionary<string, List<Metric>>(StringComparer.Ordinal);
        foreach (var metric in batch)
        {
            var name = PrometheusNames.Of(metric.Name, metric.Unit, metric.MetricType);
            if (!families.TryGetValue(name, out var same)) families.Add(name, same = []);
            same.Add(metric);
        }
        foreach (var (name, metrics) in families) Write(name, metrics);
        return ExportResult.Success;
    }

    private void Write(string name, List<Metric> metrics)
    {
        var counter = metrics[0].MetricType.IsSum() && !IsUpDown(metrics[0].MetricType);
        var family = counter && _openMetrics ? name[..^PrometheusNames.Total.Length] : name;
        var type = metrics[0].MetricType.IsHistogram() ? "histogram" : counter ? "counter" : "gauge";
        _text.Append("# TYPE ").Append(family).Append(' ').Append(type).Append('\n');
        if (metrics[0].Description is { Length: > 0 } help)
            _text.Append("# HELP ").Append(family).Append(' ').Append(PrometheusNames.Escape(help)).Append('\n');
        foreach (var metric in metrics)
        {
            foreach (ref readonly var point in metric.GetMetricPoints())
            {
                if (metric.MetricType.IsHistogram()) WriteHistogram(name, point);
                else Sample(name, point, Value(metric.MetricType, point));
            }
        }
    }

    private void WriteHistogram(string name, in MetricPoint point)
    {
        var seen = 0L;
        var exemplars = _openMetrics && point.TryGetExemplars(out var found) ? Listed(found) : [];
        var below = double.NegativeInfinity;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            seen += bucket.BucketCount;
            Name(name + "_bucket", point, bucket.ExplicitBound);
            _text.Append(seen.ToString(CultureInfo.InvariantCulture));
            var (low, high) = (below, bucket.ExplicitBound);
            var exemplar = exemplars.FindLast(e => e.Value > low && e.Value <= high);
            if (exemplar.Labels is not null) _text.Append(exemplar.Labels);
            _text.Append('\n');
            below = bucket.ExplicitBound;
        }
        Sample(name + "_sum", point, point.GetHistogramSum());
        Sample(name + "_count", point, point.GetHistogramCount());
    }

    private static List<(double Value, string Labels)> Listed(ReadOnlyExemplarCollection exemplars)
    {
        var list = new List<(double, string)>();
        foreach (ref readonly var e in exemplars)
        {
            if (e.TraceId == default) continue;
            var at = e.Timestamp.ToUnixTimeMilliseconds() / 1000d;
            list.Add((e.DoubleValue, string.Create(CultureInfo.InvariantCulture,
                $" # {{trace_id=\"{e.TraceId.ToHexString()}\",span_id=\"{e.SpanId.ToHexString()}\"}} {e.DoubleValue} {at:F3}")));
        }
        return list;
    }

    private void Sample(string name, in MetricPoint point, double value)
    {
        Name(name, point, bound: null);
        _text.Append(Number(value)).Append('\n');
    }

    private void Name(string name, in MetricPoint point, double? bound)
    {
        _text.Append(name);
        var opened = false;
        foreach (var (key, value) in point.Tags)
        {
            _text.Append(opened ? "," : "{").Append(PrometheusNames.Label(key)).Append("=\"")
                .Append(PrometheusNames.Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "", quoted: true)).Append('"');
            opened = true;
        }
        if (bound is { } le) _text.Append(opened ? "," : "{").Append("le=\"").Append(Number(le)).Append('"');
        _text.Append(opened || bound is not null ? "} " : " ");
    }

    private static double Value(MetricType type, in MetricPoint point) => type switch
    {
        MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong(),
        MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => point.GetSumDouble(),
        MetricType.LongGauge => point.GetGaugeLastValueLong(),
        _ => point.GetGaugeLastValueDouble(),
    };

    private static bool IsUpDown(MetricType type) => type is MetricType.LongSumNonMonotonic or MetricType.DoubleSumNonMonotonic;

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);
}
