using System.Globalization;
using System.Text;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Live;

/// <summary>
/// The numbers of an hour as one server-sent event, written once for all listeners. Its id is the hour and its numbers, so any instance can tell
/// what a listener who comes back has missed.
/// </summary>
/// <param name="Hour">Hours since 1970.</param>
/// <param name="Id">What a browser sends back as <c>Last-Event-ID</c>.</param>
/// <param name="Bytes">As it goes over the wire.</param>
public sealed record LiveEvent(long Hour, string Id, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>A comment: keeps proxies from closing a silent stream and finds out who has gone.</summary>
    public static readonly ReadOnlyMemory<byte> Heartbeat = ": heartbeat\n\n"u8.ToArray();

    /// <summary>Ages are told in steps of so many ms: each is an event of its own.</summary>
    private const long AgeStepMs = 5_000;

    /// <param name="hour">Hours since 1970.</param>
    /// <param name="counts">Its numbers.</param>
    /// <param name="staleMs">Their age when they are marked stale, else null.</param>
    public static LiveEvent Of(long hour, HourCounts counts, long? staleMs)
    {
        var id = string.Create(CultureInfo.InvariantCulture,
            $"{hour}.{counts.UniqueUsers}.{counts.Clicks}.{counts.Impressions}{(staleMs is null ? "" : $".stale{staleMs / AgeStepMs}")}");
        var text = string.Create(CultureInfo.InvariantCulture,
            $"id: {id}\nevent: hour\ndata: {{\"hour_start\":{Hours.StartMs(hour)},\"unique_users\":{counts.UniqueUsers},\"clicks\":{counts.Clicks},"
            + $"\"impressions\":{counts.Impressions}{(staleMs is null ? "" : $",\"stale_ms\":{staleMs}")}}}\n\n");
        return new LiveEvent(hour, id, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>The hour of an id that one of our events had; false for any other text.</summary>
    public static bool TryReadHour(string? id, out long hour)
    {
        hour = 0;
        var dot = id?.IndexOf('.', StringComparison.Ordinal) ?? -1;
        return dot is > 0 and < 10 && long.TryParse(id.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out hour)
            && hour <= Hours.LastTimestampMs / Hours.MillisecondsPerHour;
    }
}
