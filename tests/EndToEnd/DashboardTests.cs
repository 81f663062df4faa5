using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tally.Tests.Support;

namespace Tally.Tests.EndToEnd;

/// <summary>Every query of the dashboards and alerts against the metrics that the running services export.</summary>
public sealed partial class DashboardTests
{
    private static readonly string Grafana = Path.Combine(BuiltProgram.Root, "deploy", "grafana");

    // Added by whoever scrapes or receives the metrics.
    private static readonly string[] LabelsOfTheReceiver = ["service_name", "le"];

    [Test]
    public async Task Every_metric_and_label_that_a_dashboard_or_an_alert_asks_for_is_exported()
    {
        await using var pipeline = await Pipeline.StartAsync();
        await UseAsync(pipeline);
        await Eventually.HoldsAsync("every query finds what it asks for", async () =>
        {
            var exported = await ExportedAsync(pipeline);
            var missing = Queries().SelectMany(q => Missing(q, exported)).Distinct().ToList();
            return missing.Count == 0 ? true : throw new InvalidOperationException($"{string.Join(", ", missing)} not among {string.Join(", ", exported.Keys.Order())}");
        });

        Assert.That(Queries().Count(), Is.GreaterThan(40));
    }

    [Test]
    public void The_check_notices_a_metric_and_a_label_that_do_not_exist()
    {
        var exported = new Dictionary<string, HashSet<string>> { ["tally_processor_lag"] = ["partition"] };

        Assert.Multiple(() =>
        {
            Assert.That(Missing("sum by (partition) (rate(tally_processor_lag{service_name=\"a\"}[1m]))", exported), Is.Empty);
            Assert.That(Missing("sum(tally_processor_lags)", exported), Is.EqualTo(new[] { "tally_processor_lags" }));
            Assert.That(Missing("sum by (partitions) (tally_processor_lag)", exported), Is.EqualTo(new[] { "tally_processor_lag{partitions}" }));
            Assert.That(Missing("tally_processor_lag{topic=~\"5..\"}", exported), Is.EqualTo(new[] { "tally_processor_lag{topic}" }));
        });
    }

    private static async Task UseAsync(Pipeline pipeline)
    {
        foreach (var target in (string[])["/analytics?timestamp=123&user=a&click", "/analytics?timestamp=123&user=a", "/analytics?timestamp=123&user=b&impression"])
        {
            using var answer = await pipeline.Http.PostAsync(pipeline.CommandAt(target), null);
        }
        await Eventually.HoldsAsync("the events show", async () =>
            (await pipeline.Http.GetStringAsync(pipeline.QueryAt("/analytics?timestamp=123"))).Contains("impressions,1", StringComparison.Ordinal));
    }

    private static async Task<IReadOnlyDictionary<string, HashSet<string>>> ExportedAsync(Pipeline pipeline)
    {
        var exported = new Dictionary<string, HashSet<string>>();
        foreach (var service in (string[])["command", "processor", "materializer", "query"])
        {
            foreach (Match sample in Sample().Matches(await pipeline.Http.GetStringAsync(pipeline.At(service, "/metrics"))))
            {
                if (!exported.TryGetValue(sample.Groups["name"].Value, out var labels)) exported.Add(sample.Groups["name"].Value, labels = []);
                foreach (Capture label in sample.Groups["label"].Captures) labels.Add(label.Value);
            }
        }
        return exported;
    }

    private static IEnumerable<string> Queries() =>
        Directory.GetFiles(Path.Combine(Grafana, "dashboards"), "*.json").SelectMany(f => Expressions(JsonDocument.Parse(File.ReadAllText(f)).RootElement))
            .Concat(AlertQuery().Matches(File.ReadAllText(Path.Combine(Grafana, "provisioning", "alerts.yml"))).Select(m => m.Groups[1].Value));

    private static IEnumerable<string> Expressions(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => p.Name == "expr" ? [p.Value.GetString()!] : Expressions(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Expressions),
        _ => [],
    };

    /// <summary>Metrics and labels of a query that nobody exports.</summary>
    private static IEnumerable<string> Missing(string query, IReadOnlyDictionary<string, HashSet<string>> exported)
    {
        var labels = Grouping().Matches(query).SelectMany(m => m.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries))
            .Concat(Matcher().Matches(query).Select(m => m.Groups[1].Value)).Except(LabelsOfTheReceiver).ToList();
        var names = Name().Matches(Range().Replace(Braces().Replace(Grouping().Replace(query, " "), " "), " ")).Select(m => m.Value).Distinct();
        foreach (var name in names)
        {
            if (!exported.TryGetValue(name, out var known)) yield return name;
            else foreach (var label in labels.Where(l => !known.Contains(l))) yield return string.Create(CultureInfo.InvariantCulture, $"{name}{{{label}}}");
        }
    }

    [GeneratedRegex(@"^(?<name>[a-z_:][a-z0-9_:]*)(\{((?<label>[a-z_][a-z0-9_]*)=""(\\.|[^""\\])*"",?)*\})? ", RegexOptions.Multiline)]
    private static partial Regex Sample();

    [GeneratedRegex(@"^ *expr: '(.*)'$", RegexOptions.Multiline)]
    private static partial Regex AlertQuery();

    [GeneratedRegex(@"\bby \(([^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"([a-z_][a-z0-9_]*)=~?""")]
    private static partial Regex Matcher();

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Braces();

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex Range();

    // A name that is followed by a bracket is a function.
    [GeneratedRegex(@"\b[a-z][a-z0-9_]*\b(?!\s*\()")]
    private static partial Regex Name();
}
