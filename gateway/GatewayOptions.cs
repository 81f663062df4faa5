using System.ComponentModel.DataAnnotations;

namespace Tally.Gateway;

/// <summary>Section <c>Gateway</c>: the addresses behind the door; requests go to them in turn.</summary>
public sealed class GatewayOptions
{
    public const string Section = "Gateway";

    [MinLength(1, ErrorMessage = "Gateway:Command is empty: list at least one address of command-service, such as http://127.0.0.1:8081.")]
    public string[] Command { get; set; } = [];

    [MinLength(1, ErrorMessage = "Gateway:Query is empty: list at least one address of query-service, such as http://127.0.0.1:8082.")]
    public string[] Query { get; set; } = [];

    /// <summary>How long an answer may take, 1 s to 5 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00", ErrorMessage = "Gateway:Timeout must be from 1 s to 5 min.")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);
}
