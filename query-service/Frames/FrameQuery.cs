using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Tally.QueryService.Http;
using Tally.Shared.Contracts;

namespace Tally.QueryService.Frames;

/// <summary>What <c>GET /frames</c> asks for.</summary>
/// <param name="Kind">Kind of window.</param>
/// <param name="From">Least start, Unix seconds.</param>
/// <param name="To">Starts are below it.</param>
public sealed record FrameQuery(string Kind, long From, long To)
{
    public static readonly Problem WindowUnknown = Problem.Invalid(
        "invalid-window", "window", $"window must be one of {string.Join(", ", FrameWindowKinds.Names)}.");

    public static readonly Problem RangeTurned = Problem.Invalid("invalid-to", "to", "to must not be less than from.");

    private static readonly string[] Known = ["window", "from", "to"];

    /// <param name="query">As it stood in the request line, with or without its question mark.</param>
    /// <param name="asked">What is asked for; all windows of the kind where from and to are left out.</param>
    /// <param name="problem">The first thing that was wrong, naming its field.</param>
    public static bool TryParse(string? query, [NotNullWhen(true)] out FrameQuery? asked, [NotNullWhen(false)] out Problem? problem)
    {
        asked = null;
        if (!QueryParameters.TryRead(query, Known, out var parameters, out problem)) return false;
        if (!FrameWindowKinds.Names.Contains(parameters["window"])) problem = WindowUnknown;
        else if (!TrySeconds(parameters["from"], 0, out var from)) problem = NoSeconds("from");
        else if (!TrySeconds(parameters["to"], long.MaxValue, out var to)) problem = NoSeconds("to");
        else if (to < from) problem = RangeTurned;
        else asked = new FrameQuery(parameters["window"]!, from, to);
        return asked is not null;
    }

    private static bool TrySeconds(string? text, long otherwise, out long seconds)
    {
        seconds = otherwise;
        return text is null || (text.Length > 0 && text.All(char.IsAsciiDigit) && long.TryParse(text, CultureInfo.InvariantCulture, out seconds));
    }

    private static Problem NoSeconds(string field) =>
        Problem.Invalid($"invalid-{field}", field, $"{field} must be Unix seconds: a whole number from 0 to 9223372036854775807, digits only.");
}
