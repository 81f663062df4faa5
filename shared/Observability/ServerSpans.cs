using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Trace;

namespace Tally.Shared.Observability;

/// <summary>
/// Samples ASP.NET's server spans before they are made. The SDK has one made for every request, so that those which are not sampled have a trace id as well; that costs each of them an
/// object and an execution context, which on ingest was more than the sampled ones took (docs/decisions/0032). Here a request that is neither sampled nor part of a caller's trace
/// has none. Health probes and scrapes are kept out of the traces.
/// </summary>
public sealed class ServerSpans : BaseProcessor<Activity>
{
    internal const string Source = "Microsoft.AspNetCore";

    private readonly ActivityListener _listener;

    /// <param name="sampler">The one that all other spans are sampled by.</param>
    /// <param name="export">Is given the spans that were sampled, once they have ended.</param>
    public ServerSpans(Sampler sampler, BaseProcessor<Activity> export)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Source,
            Sample = (ref ActivityCreationOptions<ActivityContext> span) => Decide(sampler, span),
            ActivityStopped = span =>
            {
                if (span.Recorded && !IsProbe(span.GetTagItem(ServerSpanTags.Path) as string)) export.OnEnd(span);
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _listener.Dispose();
        base.Dispose(disposing);
    }

    private static ActivitySamplingResult Decide(Sampler sampler, in ActivityCreationOptions<ActivityContext> span)
    {
        var asked = new SamplingParameters(span.Parent, span.TraceId, span.Name, span.Kind, span.Tags, span.Links);
        if (sampler.ShouldSample(asked).Decision == SamplingDecision.RecordAndSample) return ActivitySamplingResult.AllDataAndRecorded;
        // The caller's trace id stands in our logs.
        return span.Parent.TraceId == default ? ActivitySamplingResult.None : ActivitySamplingResult.PropagationData;
    }

    private static bool IsProbe(string? path) =>
        path is not null && (path.StartsWith("/health", StringComparison.Ordinal) || path is "/alive" or "/metrics");
}
