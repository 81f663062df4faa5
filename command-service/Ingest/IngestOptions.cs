using System.ComponentModel.DataAnnotations;

namespace Tally.CommandService.Ingest;

/// <summary>Section <c>Ingest</c>: what is taken in, how much at once, and how long it may take.</summary>
public sealed class IngestOptions
{
    public const string Section = "Ingest";

    /// <summary>How far in the future an event may lie, 0 to 364 days. What Redis can keep in its TTL (at most 365 days). A clock that runs ahead must not open hours for ever.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "364.00:00:00", ErrorMessage = "Ingest:FutureTolerance must be from 0 to 364 days.")]
    public TimeSpan FutureTolerance { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Events handed to Kafka and not yet confirmed, 1 to 1,000,000. One more is answered 503.</summary>
    [Range(1, 1_000_000, ErrorMessage = "Ingest:MaxInFlight must be from 1 to 1000000.")]
    public int MaxInFlight { get; set; } = 10_000;

    /// <summary>How long Kafka may take to confirm an event before it is answered 503, 100 ms to 60 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ErrorMessage = "Ingest:DeliveryTimeout must be from 100 ms to 60 s.")]
    public TimeSpan DeliveryTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long an event may wait for those under way to be confirmed, so that it shares requests with others, 0 to 90 ms. A lone
    /// event never waits.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:00.09", ErrorMessage = "Ingest:Linger must be from 0 to 90 ms.")]
    public TimeSpan Linger { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Largest <c>Retry-After</c>, 1 to 30 s. Each 503 names a random one up to this, so that clients do not return together.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:00:30", ErrorMessage = "Ingest:MaxRetryAfter must be from 1 to 30 s.")]
    public TimeSpan MaxRetryAfter { get; set; } = TimeSpan.FromSeconds(5);
}
