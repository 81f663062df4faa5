using System.Diagnostics;
using Confluent.Kafka;
using Tally.Shared.Observability;

namespace Tally.MaterializerService.Sinks;

/// <summary>One span a batch, linked to the sampled contexts of its records; costs nothing while nobody listens.</summary>
public sealed class BatchTrace(string topic, string group, TimeProvider clock)
{
    private const int LinksMax = 32;

    private readonly List<ActivityLink> _links = [];
    private DateTimeOffset _began;

    public void Take(Headers? headers)
    {
        if (headers is null || _links.Count >= LinksMax || !SinkMetrics.Activities.HasListeners()) return;
        if (!TraceContextHeaders.TryExtract(headers, out var context) || (context.TraceFlags & ActivityTraceFlags.Recorded) == 0) return;
        if (_links.Count == 0) _began = clock.GetUtcNow();
        _links.Add(new ActivityLink(context));
    }

    /// <summary>
    /// Starts the span of the batch; null when nobody listens or no sampled trace leads here. A batch written in a second try has a second span.
    /// </summary>
    public Activity? Start(int records)
    {
        if (_links.Count == 0 || !SinkMetrics.Activities.HasListeners()) return null;
        var tags = new ActivityTagsCollection
        {
            [MessagingTags.System] = MessagingTags.Kafka,
            [MessagingTags.OperationName] = "process",
            [MessagingTags.OperationType] = "process",
            [MessagingTags.Destination] = topic,
            [MessagingTags.Group] = group,
            [MessagingTags.BatchCount] = records,
        };
        return SinkMetrics.Activities.StartActivity($"process {topic}", ActivityKind.Consumer, default(ActivityContext), tags, [.. _links], _began);
    }

    public void Clear() => _links.Clear();
}
