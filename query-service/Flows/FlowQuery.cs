using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Primitives;
using Tally.QueryService.Http;
using Tally.QueryService.Positions;

namespace Tally.QueryService.Flows;

/// <param name="Hour">As the clients count hours.</param>
/// <param name="Wait">What must be in the flows; null for what is there now.</param>
public readonly record struct FlowRequest(long Hour, WaitRequest? Wait);

/// <summary>Reads the query string of <c>GET /flows</c>: nothing guessed, each parameter once.</summary>
public static class FlowQuery
{
    public static readonly Problem HourMissing = Hour("hour is missing: give it as the flows were sent with it.");
    public static readonly Problem HourNotAnInteger = Hour("hour must be a whole number from 0 to 9223372036854775807, digits only.");

    private static readonly string[] Known = ["hour", WaitRequest.After, WaitRequest.Wait, WaitRequest.OnTimeout];

    /// <param name="query">As it stood in the request line, with or without its question mark.</param>
    /// <param name="position">The header <c>Tally-Position</c>.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="problem">The first thing that was wrong, naming its field.</param>
    public static bool TryParse(string? query, StringValues position, out FlowRequest request, [NotNullWhen(false)] out Problem? problem)
    {
        request = default;
        if (!QueryParameters.TryRead(query, Known, out var parameters, out problem)) return false;
        problem = Read(parameters["hour"], out var hour);
        if (problem is not null || !WaitRequest.TryParse(position, parameters, out var wait, out problem)) return false;
        request = new FlowRequest(hour, wait);
        return true;
    }

    private static Problem? Read(string? text, out long hour)
    {
        hour = 0;
        if (string.IsNullOrEmpty(text)) return HourMissing;
        return text.All(char.IsAsciiDigit) && long.TryParse(text, CultureInfo.InvariantCulture, out hour) ? null : HourNotAnInteger;
    }

    private static Problem Hour(string detail) => Problem.Invalid("invalid-hour", "hour", detail);
}
