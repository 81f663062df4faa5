using System.Diagnostics;
using System.Text;
using Confluent.Kafka;

namespace Tally.Shared.Observability;

/// <summary>W3C trace context in record headers (<c>traceparent</c>, <c>tracestate</c>, UTF-8).</summary>
public static class TraceContextHeaders
{
    public const string TraceParent = "traceparent";
    public const string TraceState = "tracestate";

    /// <summary>Writes the context of <paramref name="activity"/> when it is sampled; others would only cost bytes.</summary>
    public static void Inject(Activity? activity, Headers headers)
    {
        if (activity is not { Recorded: true, IdFormat: ActivityIdFormat.W3C }) return;
        headers.Add(TraceParent, Encoding.ASCII.GetBytes(activity.Id!));
        if (activity.TraceStateString is { Length: > 0 and <= 512 } state) headers.Add(TraceState, Encoding.UTF8.GetBytes(state));
    }

    /// <summary>Headers by which what <paramref name="activity"/> yields continues its trace; none when it is not sampled.</summary>
    public static IReadOnlyList<IHeader> Of(Activity? activity)
    {
        if (activity is null) return [];
        var headers = new Headers();
        Inject(activity, headers);
        return [.. headers];
    }

    /// <summary>Reads a context that somebody outside may have written: anything malformed counts as none.</summary>
    public static bool TryExtract(Headers? headers, out ActivityContext context)
    {
        context = default;
        if (headers is null || !headers.TryGetLastBytes(TraceParent, out var parent) || parent.Length > 128) return false;
        string? state = headers.TryGetLastBytes(TraceState, out var bytes) && bytes.Length <= 512 ? Encoding.UTF8.GetString(bytes) : null;
        return ActivityContext.TryParse(Encoding.ASCII.GetString(parent), state, isRemote: true, out context);
    }
}
