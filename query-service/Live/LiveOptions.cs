using System.ComponentModel.DataAnnotations;

namespace Tally.QueryService.Live;

/// <summary>Section <c>Live</c>: <c>GET /analytics/live</c>.</summary>
public sealed class LiveOptions
{
    public const string Section = "Live";

    /// <summary>How often the current hour is looked at, once for all listeners, 10 ms to 1 minute; what did not change is not sent.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "00:01:00", ErrorMessage = "Live:Every must be from 10 ms to 1 minute.")]
    public TimeSpan Every { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Longest silence on a stream, 1 s to 50 s: proxies close one that is silent for a minute.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:00:50", ErrorMessage = "Live:Heartbeat must be from 1 to 50 seconds.")]
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A listener that does not take what was sent for so long is dropped, 100 ms to 1 minute; it may come back with Last-Event-ID.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ErrorMessage = "Live:SlowAfter must be from 100 ms to 1 minute.")]
    public TimeSpan SlowAfter { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Listeners at once, 1 to 100,000; one more is answered 503.</summary>
    [Range(1, 100_000, ErrorMessage = "Live:MaxListeners must be from 1 to 100000.")]
    public int MaxListeners { get; set; } = 2_000;
}
