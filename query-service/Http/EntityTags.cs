using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Tally.QueryService.Http;

/// <summary>Conditions on entity tags (RFC 9110, 13.1.2).</summary>
public static class EntityTags
{
    /// <param name="known">The header <c>If-None-Match</c>.</param>
    /// <param name="tag">Of the present answer, quotes included.</param>
    /// <returns>True when the client has that answer already; compared weakly, since caches may weaken tags. What is malformed matches nothing.</returns>
    public static bool Contain(StringValues known, string tag)
    {
        if (known.Count == 1 && (known[0] == tag || known[0] == "*")) return true;
        if (!EntityTagHeaderValue.TryParseList([.. known.OfType<string>()], out var tags)) return false;
        var present = new EntityTagHeaderValue(tag);
        return tags.Any(t => t.Equals(EntityTagHeaderValue.Any) || t.Compare(present, useStrongComparison: false));
    }
}
