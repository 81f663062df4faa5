using System.Diagnostics;
using Confluent.Kafka;

namespace Tally.Shared.Observability;

/// <summary>
/// One span a batch, for the sampled contexts found in its records: a child of the first, so that it is sampled as that one is and a lone event has one
/// trace from end to end, with links to the others. Costs nothing while nobody listens.
/// </summary>
public sealed class BatchTrace(ActivitySource activities, string topic, string group, TimeProvider clock)
{
    private const int LinksMax = 32;

    private readonly List<ActivityLink> _links = [];
    private DateTimeOffset _began;

    /// <summary>True when a sampled trace leads to a record taken since the last <see cref="Clear"/>.</summary>
    public bool HasLinks => _links.Count > 0;

    public void Take(Headers? headers)
    {
        if (headers is null || _links.Count >= LinksMax || !activities.HasListeners()) return;
        if (!TraceContextHeaders.TryExtract(headers, out var context) || (context.TraceFlags & ActivityTraceFlags.Recorded) == 0) return;
        if (_links.Count == 0) _began = clock.GetUtcNow();
        _links.Add(new ActivityLink(context));
    }

    /// <summary>Starts the span of what was taken since the last <see cref="Clear"/>; null when nobody listens.</summary>
    public Activity? Start(int records)
    {
        if (!activities.HasListeners()) return null;
        var tags = new ActivityTagsCollection
        {
            [MessagingTags.System] = MessagingTags.Kafka,
            [MessagingTags.OperationName] = "process",
            [MessagingTags.OperationType] = "process",
            [MessagingTags.Destination] = topic,
            [MessagingTags.Group] = group,
            [MessagingTags.BatchCount] = records,
        };
        var began = HasLinks ? _began : clock.GetUtcNow();
        var parent = HasLinks ? _links[0].Context : default;
        return activities.StartActivity($"process {topic}", ActivityKind.Consumer, parent, tags, [.. _links.Skip(1)], began);
    }

    /// <summary>Begins a new batch.</summary>
    public void Clear() => _links.Clear();
}
