using System.Diagnostics.CodeAnalysis;
using Tally.QueryService.Http;
using Tally.Shared.Contracts;

namespace Tally.QueryService.Analytics;

/// <summary>Reads the raw query string of <c>GET /analytics</c>: nothing guessed, each parameter once.</summary>
public static class HourQuery
{
    public static readonly Problem TimestampMissing = Timestamp("timestamp is missing: give Unix time in milliseconds.");
    public static readonly Problem TimestampTwice = Timestamp("timestamp is given more than once.");
    public static readonly Problem TimestampNotAnInteger =
        Timestamp("timestamp must be Unix time in milliseconds, digits only: no sign, space, fraction or exponent.");
    public static readonly Problem TimestampTooLarge = Timestamp("timestamp is beyond the year 9999; it counts milliseconds.");

    private const string PlainForm = "?timestamp=";
    private const int MaxEchoedName = 64;

    /// <summary>The form that nearly every request has: <c>?timestamp={digits}</c> and nothing else. Allocates nothing.</summary>
    public static bool TryParsePlain(ReadOnlySpan<char> query, out long hour)
    {
        if (query.StartsWith(PlainForm, StringComparison.Ordinal)) return ReadTimestamp(query[PlainForm.Length..], out hour) is null;
        hour = 0;
        return false;
    }

    /// <param name="query">As it stood in the request line, with or without its question mark.</param>
    /// <param name="hour">The GMT hour that holds the timestamp.</param>
    /// <param name="problem">The first thing that was wrong, naming its field.</param>
    public static bool TryParse(string? query, out long hour, [NotNullWhen(false)] out Problem? problem)
    {
        hour = 0;
        var seen = false;
        foreach (var pair in (query ?? "").TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? pair : pair[..equals];
            // Escapes in a name mean the same as the name itself; otherwise a double parameter could hide behind one.
            if (Decode(name) != "timestamp") problem = UnknownParameter(name);
            else if (seen) problem = TimestampTwice;
            else problem = ReadTimestamp(equals < 0 ? "" : Decode(pair[(equals + 1)..]), out hour);
            if (problem is not null) return false;
            seen = true;
        }
        problem = seen ? null : TimestampMissing;
        return seen;
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

    /// <summary>Names the parameter only when it is plain: what a client sends is never echoed as it came.</summary>
    private static Problem UnknownParameter(string name)
    {
        var plain = name.Length is > 0 and <= MaxEchoedName && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
        return Problem.Invalid("unknown-parameter", plain ? name : "query", "A parameter is unknown: timestamp is taken, once.");
    }

    private static Problem Timestamp(string detail) => Problem.Invalid("invalid-timestamp", "timestamp", detail);

    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
