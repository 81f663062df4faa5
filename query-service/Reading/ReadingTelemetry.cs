using System.Diagnostics;
using System.Diagnostics.Metrics;
using Tally.Shared.Observability;

namespace Tally.QueryService.Reading;

/// <summary>Traces and metrics of reading; nothing is done while nobody listens.</summary>
public static class ReadingTelemetry
{
    public const string Name = "Tally.QueryService";

    private static readonly ActivitySource Traces = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly Counter<long> AnswersByLayer =
        Meter.CreateCounter<long>("tally.query.answers", "{answer}", "Answers given, by the layer that had them.");
    private static readonly Counter<long> StaleAnswers =
        Meter.CreateCounter<long>("tally.query.answers.stale", "{answer}", "Answers marked Tally-Stale.");
    private static readonly Counter<long> RefillsByOutcome =
        Meter.CreateCounter<long>("tally.query.refills", "{refill}", "Refills of Redis, by what became of them.");
    private static readonly Histogram<double> ReadDuration = Meter.CreateHistogram("db.client.operation.duration", "s", "Reads from Redis and the archive.",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] });
    private static readonly KeyValuePair<string, object?>[] Layers =
        [.. Enum.GetNames<AnswerLayer>().Select(name => new KeyValuePair<string, object?>("tally.layer", name.ToLowerInvariant()))];

    public static void Answered(AnswerLayer layer, bool stale)
    {
        if (AnswersByLayer.Enabled) AnswersByLayer.Add(1, Layers[(int)layer]);
        if (stale) StaleAnswers.Add(1);
    }

    public static void Refilled(string outcome) => RefillsByOutcome.Add(1, new KeyValuePair<string, object?>("tally.outcome", outcome));

    /// <summary>A span when the request that reads is sampled; otherwise null.</summary>
    public static Activity? StartRead(string source, string system)
    {
        if (!Traces.HasListeners() || Activity.Current is not { IsAllDataRequested: true }) return null;
        return Traces.StartActivity($"read {source}", ActivityKind.Client, parentContext: default,
            [new(MessagingTags.DbSystem, system), new(MessagingTags.DbOperation, "read")]);
    }

    public static void EndRead(Activity? span, string system, TimeSpan took, Exception? failure)
    {
        if (failure is not null)
        {
            span?.SetTag(MessagingTags.ErrorType, failure.GetType().Name);
            span?.SetStatus(ActivityStatusCode.Error);
        }
        if (!ReadDuration.Enabled) return;
        var tags = new TagList { { MessagingTags.DbSystem, system }, { MessagingTags.DbOperation, "read" } };
        if (failure is not null) tags.Add(MessagingTags.ErrorType, failure.GetType().Name);
        ReadDuration.Record(took.TotalSeconds, tags);
    }
}
