using System.Diagnostics;
using OpenTelemetry;

namespace Tally.Shared.Observability;

/// <summary>Keeps health probes and scrapes out of the traces.</summary>
public sealed class ProbeSpans : BaseProcessor<Activity>
{
    public override void OnEnd(Activity data)
    {
        if (data.Kind == ActivityKind.Server && IsProbe(data.GetTagItem(ServerSpanTags.Path) as string)) data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
    }

    private static bool IsProbe(string? path) =>
        path is not null && (path.StartsWith("/health", StringComparison.Ordinal) || path is "/alive" or "/metrics");
}
