using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Primitives;
using Tally.QueryService.Http;

namespace Tally.QueryService.Positions;

/// <summary>What a read waits for, and what it wants when that does not come.</summary>
/// <param name="Positions">All of these must be in the numbers.</param>
/// <param name="Limit">Longest wait; null for <see cref="PositionOptions.Wait"/>.</param>
/// <param name="StaleOnTimeout">True for an older answer marked <c>Tally-Stale</c>, false for 504.</param>
public sealed record WaitRequest(PositionSet Positions, TimeSpan? Limit, bool StaleOnTimeout)
{
    public const string Header = "Tally-Position";
    public const string After = "after";
    public const string Wait = "wait";
    public const string OnTimeout = "on-timeout";

    private const int MostMs = 10_000;

    public static readonly Problem LimitInvalid =
        Problem.Invalid("invalid-wait", Wait, "wait must be a whole number of milliseconds from 0 to 10000.");
    public static readonly Problem OnTimeoutInvalid = Problem.Invalid("invalid-on-timeout", OnTimeout, "on-timeout takes only stale.");
    private static readonly Problem HeaderInvalid = Position(Header);
    private static readonly Problem AfterInvalid = Position(After);

    /// <summary>Reads header and parameters, each of which may be missing; given both, a read waits for both.</summary>
    /// <param name="header">As received.</param>
    /// <param name="parameters">Of the query string.</param>
    /// <param name="request">Null when there is nothing to wait for.</param>
    /// <param name="problem">What was wrong.</param>
    public static bool TryParse(StringValues header, QueryParameters parameters, out WaitRequest? request, [NotNullWhen(false)] out Problem? problem)
    {
        request = null;
        PositionSet? fromHeader = null;
        PositionSet? fromQuery = null;
        TimeSpan? limit = null;
        problem = header.Count > 0 && !PositionSet.TryParse(header.ToString(), out fromHeader) ? HeaderInvalid
            : parameters[After] is { } after && !PositionSet.TryParse(after, out fromQuery) ? AfterInvalid
            : parameters[Wait] is { } wait && !TryReadLimit(wait, out limit) ? LimitInvalid
            : parameters[OnTimeout] is { } onTimeout && onTimeout != "stale" ? OnTimeoutInvalid : null;
        if (problem is not null) return false;
        if (PositionSet.Union(fromHeader, fromQuery) is { } positions) request = new WaitRequest(positions, limit, parameters[OnTimeout] is not null);
        return true;
    }

    private static bool TryReadLimit(string text, out TimeSpan? limit)
    {
        limit = null;
        if (text.Length > 9 || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) || ms > MostMs) return false;
        limit = TimeSpan.FromMilliseconds(ms);
        return true;
    }

    private static Problem Position(string field) => Problem.Invalid("invalid-position", field,
        $"{field} must be partition.offset as Tally-Position of a POST gave it, several separated by commas.");
}
