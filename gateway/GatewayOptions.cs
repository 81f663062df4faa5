using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tally.Gateway;

/// <summary>Section <c>Gateway</c>: the addresses behind the door. Writes go to them in turn, the reads of a client to one.</summary>
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

/// <summary>Each address is one.</summary>
public sealed class GatewayOptionsCheck : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var failures = Wrong("Gateway:Command", options.Command).Concat(Wrong("Gateway:Query", options.Query)).ToList();
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static IEnumerable<string> Wrong(string key, string[] addresses) =>
        from address in addresses.Index()
        where !Uri.TryCreate(address.Item, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")
        select $"{key}:{address.Index} is '{address.Item}': set it to an address such as http://127.0.0.1:8081.";
}
