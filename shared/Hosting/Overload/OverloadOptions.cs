using System.ComponentModel.DataAnnotations;

namespace Tally.Shared.Hosting.Overload;

/// <summary>Section <c>Overload</c>: how much an HTTP service takes of one client, and when those it refuses may come back.</summary>
public sealed class OverloadOptions
{
    public const string Section = "Overload";

    /// <summary>Requests a second of one client (an IPv4 address, an IPv6 network of 64 bits), 0 for no limit, at most 1,000,000; past it 429.</summary>
    [Range(0, 1_000_000, ErrorMessage = "Overload:ClientRate must be from 0 to 1000000.")]
    public int ClientRate { get; set; }

    /// <summary>Requests that one client may send at once after a pause, 1 to 1,000,000.</summary>
    [Range(1, 1_000_000, ErrorMessage = "Overload:ClientBurst must be from 1 to 1000000.")]
    public int ClientBurst { get; set; } = 1_000;

    /// <summary>
    /// True when only a gateway of our own can reach the service: the last address of <c>X-Forwarded-For</c> is the client then. Otherwise anybody could
    /// pass for somebody else.
    /// </summary>
    public bool TrustForwardedFor { get; set; }

    /// <summary>Largest <c>Retry-After</c>, 1 to 30 s. Each refusal names a random one up to this, so that clients do not return together.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:00:30", ErrorMessage = "Overload:MaxRetryAfter must be from 1 to 30 s.")]
    public TimeSpan MaxRetryAfter { get; set; } = TimeSpan.FromSeconds(5);
}
