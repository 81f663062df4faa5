using System.Diagnostics.CodeAnalysis;

namespace Tally.QueryService.Http;

/// <summary>The parameters of a query string, each known and given once at most; nothing is guessed.</summary>
public sealed class QueryParameters
{
    private const int MaxEchoedName = 64;

    private readonly Dictionary<string, string> _values = [];

    private QueryParameters()
    {
    }

    /// <summary>The decoded value; null when the parameter is missing, empty when it has none.</summary>
    public string? this[string name] => _values.GetValueOrDefault(name);

    /// <param name="query">As it stood in the request line, with or without its question mark.</param>
    /// <param name="known">Names that may be given.</param>
    /// <param name="parameters">What was given.</param>
    /// <param name="problem">The first thing that was wrong, naming its field.</param>
    public static bool TryRead(
        string? query, string[] known, [NotNullWhen(true)] out QueryParameters? parameters, [NotNullWhen(false)] out Problem? problem)
    {
        parameters = new QueryParameters();
        problem = null;
        foreach (var pair in (query ?? "").TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var given = equals < 0 ? pair : pair[..equals];
            // Escapes in a name mean the same as the name itself; otherwise a double parameter could hide behind one.
            var name = Decode(given);
            if (!known.Contains(name)) problem = Unknown(given, known);
            else if (!parameters._values.TryAdd(name, equals < 0 ? "" : Decode(pair[(equals + 1)..])))
                problem = Problem.Invalid($"invalid-{name}", name, $"{name} is given more than once.");
            if (problem is null) continue;
            parameters = null;
            return false;
        }
        return true;
    }

    /// <summary>Names the parameter only when it is plain: what a client sends is never echoed as it came.</summary>
    private static Problem Unknown(string name, string[] known)
    {
        var plain = name.Length is > 0 and <= MaxEchoedName && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
        return Problem.Invalid("unknown-parameter", plain ? name : "query", $"A parameter is unknown: {string.Join(", ", known)} are taken, each once.");
    }

    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
