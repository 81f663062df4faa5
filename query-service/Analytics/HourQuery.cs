using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Primitives;
using Tally.QueryService.Http;
using Tally.QueryService.Positions;
using Tally.Shared.Contracts;

namespace Tally.QueryService.Analytics;

/// <param name="Hour">The GMT hour that holds the timestamp.</param>
/// <param name="Wait">What must be in the numbers; null for what is there now.</param>
public readonly record struct HourRequest(long Hour, WaitRequest? Wait);

/// <summary>Reads the raw query string of <c>GET /analytics</c>: nothing guessed, each parameter once.</summary>
public static class HourQuery
{
    public static readonly Problem TimestampMissing = Timestamp("timestamp is missing: give Unix time in milliseconds.");
    public static readonly Problem TimestampNotAnInteger =
        Timestamp("timestamp must be Unix time in milliseconds, digits only: no sign, space, fraction or exponent.");
    public static readonly Problem TimestampTooLarge = Timestamp("timestamp is beyond the year 9999; it counts milliseconds.");

    private const string PlainForm = "?timestamp=";
    private static readonly string[] Known = ["timestamp", WaitRequest.After, WaitRequest.Wait, WaitRequest.OnTimeout];

    /// <summary>The form that nearly every request has: <c>?timestamp={digits}</c> and nothing else. Allocates nothing.</summary>
    public static bool TryParsePlain(ReadOnlySpan<char> query, out long hour)
    {
        if (query.StartsWith(PlainForm, StringComparison.Ordinal)) return ReadTimestamp(query[PlainForm.Length..], out hour) is null;
        hour = 0;
        return false;
    }

    /// <param name="query">As it stood in the request line, with or without its question mark.</param>
    /// <param name="position">The header <c>Tally-Position</c>.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="problem">The first thing that was wrong, naming its field.</param>
    public static bool TryParse(string? query, StringValues position, out HourRequest request, [NotNullWhen(false)] out Problem? problem)
    {
        request = default;
        if (!QueryParameters.TryRead(query, Known, out var parameters, out problem)) return false;
        problem = ReadTimestamp(parameters["timestamp"], out var hour);
        if (problem is not null || !WaitRequest.TryParse(position, parameters, out var wait, out problem)) return false;
        request = new HourRequest(hour, wait);
        return true;
    }

    private static Problem? ReadTimestamp(ReadOnlySpan<char> text, out long hour)
    {
        hour = 0;
        if (text.IsEmpty) return TimestampMissing;
        foreach (var c in text)
            if (!char.IsAsciiDigit(c)) return TimestampNotAnInteger;
        text = text.TrimStart('0');
        // 18 digits fit in 64 bits; anything longer is far beyond the last date anyway.
        if (text.Length > 18) return TimestampTooLarge;
        var timestamp = 0L;
        foreach (var c in text) timestamp = timestamp * 10 + (c - '0');
        if (timestamp > Hours.LastTimestampMs) return TimestampTooLarge;
        hour = Hours.Of(timestamp);
        return null;
    }

    private static Problem Timestamp(string detail) => Problem.Invalid("invalid-timestamp", "timestamp", detail);
}
