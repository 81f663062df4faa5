using System.Diagnostics;
using Confluent.Kafka;
using Tally.Shared.Observability;

namespace Tally.ProcessorService.Engine;

/// <summary>One span a commit, linked to the sampled contexts found in the events it folds; costs nothing while nobody listens.</summary>
public sealed class BatchTrace(string topic, string group, TimeProvider clock)
{
    private const int LinksMax = 32;

    private readonly List<ActivityLink> _links = [];
    private DateTimeOffset _began;

    public void Take(Headers? headers)
    {
        if (headers is null || !EngineMetrics.Activities.HasListeners()) return;
        if (_links.Count >= LinksMax || !TraceContextHeaders.TryExtract(headers, out var context)) return;
        if ((context.TraceFlags & ActivityTraceFlags.Recorded) == 0) return;
        if (_links.Count == 0) _began = clock.GetUtcNow();
        _links.Add(new ActivityLink(context));
    }

    /// <summary>Starts the span of the batch taken since the last call; null when nobody listens or the batch is empty.</summary>
    public Activity? Start(int events)
    {
        if (events == 0 || !EngineMetrics.Activities.HasListeners()) return null;
        var tags = new ActivityTagsCollection
        {
            [MessagingTags.System] = MessagingTags.Kafka,
            [MessagingTags.OperationName] = "process",
            [MessagingTags.OperationType] = "process",
            [MessagingTags.Destination] = topic,
            [MessagingTags.Group] = group,
            [MessagingTags.BatchCount] = events,
        };
        var began = _links.Count > 0 ? _began : clock.GetUtcNow();
        var activity = EngineMetrics.Activities.StartActivity($"process {topic}", ActivityKind.Consumer, default(ActivityContext), tags, [.. _links], began);
        _links.Clear();
        return activity;
    }

    /// <summary>Headers by which what the batch yields continues its trace.</summary>
    public static IReadOnlyList<IHeader> HeadersOf(Activity? activity)
    {
        if (activity is null) return [];
        var headers = new Headers();
        TraceContextHeaders.Inject(activity, headers);
        return [.. headers];
    }
}
