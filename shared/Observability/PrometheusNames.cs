using System.Text;
using OpenTelemetry.Metrics;

namespace Tally.Shared.Observability;

/// <summary>Names of OpenTelemetry as Prometheus writes them (OpenTelemetry specification, "Prometheus and OpenMetrics compatibility").</summary>
public static class PrometheusNames
{
    public const string Total = "_total";

    private static readonly Dictionary<string, string> Units = new()
    {
        ["s"] = "seconds",
        ["ms"] = "milliseconds",
        ["By"] = "bytes",
        ["KiBy"] = "kibibytes",
        ["%"] = "percent",
    };

    /// <param name="instrument">Such as <c>messaging.process.duration</c>.</param>
    /// <param name="unit">UCUM; one in braces vanishes.</param>
    /// <param name="type">Counters end in <c>_total</c>, gauges of unit 1 in <c>_ratio</c>.</param>
    public static string Of(string instrument, string unit, MetricType type)
    {
        var name = Label(instrument);
        var gauge = type is MetricType.LongGauge or MetricType.DoubleGauge;
        var suffix = unit.Length == 0 ? "" : unit == "1" ? (gauge ? "ratio" : "") : Units.GetValueOrDefault(unit, unit.Contains('{', StringComparison.Ordinal) ? "" : Label(unit));
        if (suffix.Length > 0 && !name.EndsWith("_" + suffix, StringComparison.Ordinal)) name += "_" + suffix;
        var counter = type is MetricType.LongSum or MetricType.DoubleSum;
        return counter && !name.EndsWith(Total, StringComparison.Ordinal) ? name + Total : name;
    }

    /// <summary>Letters, digits and underscores.</summary>
    public static string Label(string name)
    {
        var text = new StringBuilder(name.Length);
        foreach (var c in name) text.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        return char.IsAsciiDigit(text[0]) ? "_" + text : text.ToString();
    }

    public static string Escape(string text, bool quoted = false)
    {
        var escaped = text.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);
        return quoted ? escaped.Replace("\"", "\\\"", StringComparison.Ordinal) : escaped;
    }
}
