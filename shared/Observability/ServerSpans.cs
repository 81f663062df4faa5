using System.Diagnostics;
using OpenTelemetry;

namespace Tally.Shared.Observability;

/// <summary>
/// What leaves the process of ASP.NET's server spans: no query string, because that of a POST holds the raw user, and no health probes.
/// </summary>
public sealed class ServerSpans : BaseProcessor<Activity>
{
    private static readonly string[] WithQuery = ["url.query", "url.full", "http.url", "http.target"];

    public override void OnEnd(Activity data)
    {
        foreach (var tag in WithQuery) data.SetTag(tag, null);
        if (data.Kind == ActivityKind.Server && IsProbe(data.GetTagItem("url.path") as string)) data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
    }

    private static bool IsProbe(string? path) =>
        path is not null && (path.StartsWith("/health", StringComparison.Ordinal) || path is "/alive" or "/metrics");
}
