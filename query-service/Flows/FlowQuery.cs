using System.Diagnostics.CodeAnalysis;
using Tally.QueryService.Http;

namespace Tally.QueryService.Flows;

/// <summary>Reads the query string of <c>GET /flows</c>: nothing guessed, each parameter once.</summary>
public static class FlowQuery
{
    public static readonly Problem HourMissing = Hour("hour is missing: give it as the flows were sent with it.");
    public static readonly Problem HourTwice = Hour("hour is given more than once.");
    public static readonly Problem HourNotAnInteger = Hour("hour must be a whole number from 0 to 9223372036854775807, digits only.");
    public static readonly Problem UnknownParameter = Problem.Invalid("unknown-parameter", "query", "A parameter is unknown: hour is taken, once.");

    /// <param name="query">As it stood in the request line, with or without its question mark.</param>
    /// <param name="hour">The hour asked for.</param>
    /// <param name="problem">The first thing that was wrong, naming its field.</param>
    public static bool TryParse(string? query, out long hour, [NotNullWhen(false)] out Problem? problem)
    {
        (hour, problem) = (0, HourMissing);
        foreach (var pair in (query ?? "").TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (Uri.UnescapeDataString(equals < 0 ? pair : pair[..equals]) != "hour") problem = UnknownParameter;
            else if (problem is null) problem = HourTwice;
            else problem = Read(equals < 0 ? "" : Uri.UnescapeDataString(pair[(equals + 1)..]), out hour);
            if (problem is not null) return false;
        }
        return problem is null;
    }

    private static Problem? Read(string text, out long hour)
    {
        hour = 0;
        if (text.Length == 0) return HourMissing;
        return text.All(char.IsAsciiDigit) && long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out hour) ? null : HourNotAnInteger;
    }

    private static Problem Hour(string detail) => Problem.Invalid("invalid-hour", "hour", detail);
}
