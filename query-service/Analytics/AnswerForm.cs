using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Tally.QueryService.Analytics;

/// <summary>The forms an answer has.</summary>
public enum AnswerForm
{
    Text,
    Json,
}

/// <summary>Chooses the form by the Accept header; what cannot be met gets plain text.</summary>
public static class AcceptedForm
{
    private const string JsonType = "application/json";

    public static AnswerForm Of(StringValues accept)
    {
        if (accept.Count == 0) return AnswerForm.Text;
        if (accept.Count == 1)
        {
            if (accept[0] is "*/*" or "text/plain") return AnswerForm.Text;
            if (accept[0] is JsonType) return AnswerForm.Json;
        }
        return Negotiate(accept);
    }

    // Quality decides; at equal quality the form that was named more precisely, then the one named first, then text.
    private static AnswerForm Negotiate(StringValues accept)
    {
        if (!MediaTypeHeaderValue.TryParseList([.. accept.OfType<string>()], out var ranges)) return AnswerForm.Text;
        var text = Rank(ranges, "text", "plain");
        var json = Rank(ranges, "application", "json");
        return json.CompareTo(text) > 0 ? AnswerForm.Json : AnswerForm.Text;
    }

    /// <summary>The most precise range that covers the type says its quality (RFC 9110, 12.5.1).</summary>
    private static (double Quality, int Precision, int Earlier) Rank(IList<MediaTypeHeaderValue> ranges, string type, string subType)
    {
        (double Quality, int Precision, int Earlier) best = (0, 0, 0);
        for (var i = 0; i < ranges.Count; i++)
        {
            var range = ranges[i];
            var precision = range.MatchesAllTypes ? 1
                : !range.Type.Equals(type, StringComparison.OrdinalIgnoreCase) ? 0
                : range.MatchesAllSubTypes ? 2
                : range.SubType.Equals(subType, StringComparison.OrdinalIgnoreCase) ? 3 : 0;
            if (precision > best.Precision) best = (range.Quality ?? 1, precision, -i);
        }
        return best.Quality > 0 ? best : default;
    }
}
