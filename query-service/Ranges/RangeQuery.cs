using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Extensions.Primitives;
using Tally.QueryService.Http;
using Tally.QueryService.Positions;
using Tally.Shared.Contracts;
using Tally.Shared.Sketches;

namespace Tally.QueryService.Ranges;

/// <summary>What is asked for.</summary>
/// <param name="Range">Whole hours or days; counted in hours since 1970-01-01.</param>
/// <param name="Wait">What must be in the numbers; null for what is there now.</param>
public sealed record RangeRequest(SpanRun Range, WaitRequest? Wait)
{
    /// <summary>Hours of one item of the series.</summary>
    public long StepHours => Range.Kind == SpanKind.Day ? SketchSpans.HoursOfDay : 1;
}

/// <summary>Reads the query string of <c>GET /analytics/range</c>: nothing guessed, each parameter once.</summary>
public static class RangeQuery
{
    private const string From = "from", To = "to", Step = "step";

    private static readonly string[] Known = [From, To, Step, WaitRequest.After, WaitRequest.Wait, WaitRequest.OnTimeout];

    private static readonly Problem StepWrong = Problem.Invalid("invalid-step", Step, "step must be hour or day.");
    private static readonly Problem NotBefore = Problem.Invalid("invalid-to", To, "to must be after from: a range is from its first millisecond to before its last.");

    /// <param name="query">As it stood in the request line, with or without its question mark.</param>
    /// <param name="position">The header <c>Tally-Position</c>.</param>
    /// <param name="maxDays">Longest range.</param>
    /// <param name="request">What is asked for: <c>from</c> moved back and <c>to</c> forth to whole steps.</param>
    /// <param name="problem">The first thing that was wrong, naming its field.</param>
    public static bool TryParse(
        string? query, StringValues position, int maxDays, [NotNullWhen(true)] out RangeRequest? request, [NotNullWhen(false)] out Problem? problem)
    {
        request = null;
        if (!QueryParameters.TryRead(query, Known, out var parameters, out problem)) return false;
        var kind = parameters[Step] switch { "hour" => SpanKind.Hour, "day" => SpanKind.Day, _ => (SpanKind?)null };
        var (fromWrong, toWrong) = (ReadTime(From, parameters[From], out var fromMs), ReadTime(To, parameters[To], out var toMs));
        problem = fromWrong ?? toWrong ?? (kind is null ? StepWrong : fromMs >= toMs ? NotBefore : null);
        if (problem is not null) return false;
        var range = Whole(kind!.Value, fromMs, toMs);
        if (range.To - range.From > maxDays * SketchSpans.HoursOfDay)
        {
            problem = TooLong(maxDays);
            return false;
        }
        if (!WaitRequest.TryParse(position, parameters, out var wait, out problem)) return false;
        request = new RangeRequest(range, wait);
        return true;
    }

    private static SpanRun Whole(SpanKind kind, long fromMs, long toMs)
    {
        var last = Hours.Of(toMs - 1);
        return new SpanRun(kind, SketchSpans.Start(kind, Hours.Of(fromMs)), SketchSpans.Start(kind, last) + (kind == SpanKind.Day ? SketchSpans.HoursOfDay : 1));
    }

    private static Problem TooLong(int maxDays) => Problem.Invalid("range-too-long", To,
        string.Create(CultureInfo.InvariantCulture, $"The range is longer than {maxDays} days (Range:MaxDays): ask for parts of it."));

    private static Problem? ReadTime(string field, string? text, out long timeMs)
    {
        timeMs = 0;
        if (string.IsNullOrEmpty(text)) return Invalid(field, $"{field} is missing: give Unix time in milliseconds.");
        if (!text.All(char.IsAsciiDigit)) return Invalid(field, $"{field} must be Unix time in milliseconds, digits only.");
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out timeMs) && timeMs <= Hours.LastTimestampMs
            ? null
            : Invalid(field, $"{field} is beyond the year 9999; it counts milliseconds.");
    }

    private static Problem Invalid(string field, string detail) => Problem.Invalid($"invalid-{field}", field, detail);
}
