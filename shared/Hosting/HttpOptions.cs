using System.ComponentModel.DataAnnotations;

namespace Tally.Shared.Hosting;

/// <summary>Section <c>Http</c>: where the service listens.</summary>
public sealed class HttpOptions
{
    public const string Section = "Http";

    /// <summary>Address to listen on. Loopback unless told otherwise; <c>0.0.0.0</c> in containers.</summary>
    [Required(AllowEmptyStrings = false, ErrorMessage = "Http:Bind is empty: set it to an IP address such as 127.0.0.1.")]
    public string Bind { get; set; } = "127.0.0.1";

    /// <summary>TCP port, 0 to 65535; 0 lets the system choose.</summary>
    [Range(0, 65535, ErrorMessage = "Http:Port must be from 0 to 65535.")]
    public int Port { get; set; }

    /// <summary>Largest request body in bytes, 1 KiB to 1 GiB.</summary>
    [Range(typeof(long), "1024", "1073741824", ErrorMessage = "Http:MaxBodyBytes must be from 1024 to 1073741824.")]
    public long MaxBodyBytes { get; set; } = 64 * 1024;

    /// <summary>Open connections at once, 1 to 100,000.</summary>
    [Range(typeof(long), "1", "100000", ErrorMessage = "Http:MaxConnections must be from 1 to 100000.")]
    public long MaxConnections { get; set; } = 10_000;

    /// <summary>
    /// Bytes a second at which a request body has to come, 1 to 1 GiB, once it is 5 s old: a place that a body in memory takes must not be held for hours.
    /// </summary>
    [Range(1, 1073741824, ErrorMessage = "Http:MinBodyBytesPerSecond must be from 1 to 1073741824.")]
    public int MinBodyBytesPerSecond { get; set; } = 16 * 1024;

    /// <summary>Serve <c>/metrics</c> to other machines too; otherwise only loopback is answered. For a scraper on a network that is ours.</summary>
    public bool PublicMetrics { get; set; }
}
