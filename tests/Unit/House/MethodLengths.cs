namespace Tally.Tests.Unit.House;

/// <summary>
/// Measures bodies by their braces: formatted code puts a member's braces on lines of their own at its indentation. A body is the
/// outermost block whose head is no type.
/// </summary>
internal static class MethodLengths
{
    private static readonly string[] Types = ["class ", "struct ", "record ", "interface ", "enum ", "namespace "];

    /// <returns>Line of the opening brace, counted from one, and lines between the braces.</returns>
    public static IEnumerable<(int Line, int Length)> Of(IReadOnlyList<string> lines)
    {
        for (var i = 0; i < lines.Count; i++)
        {
            if (lines[i].Trim() != "{" || IsType(lines, i)) continue;
            var close = lines[i].Replace('{', '}');
            var end = i + 1;
            while (end < lines.Count && !lines[end].StartsWith(close, StringComparison.Ordinal)) end++;
            yield return (i + 1, end - i - 1);
            i = end;
        }
    }

    /// <summary>The head may span lines: it begins at the nearest line above that is indented as the brace is.</summary>
    private static bool IsType(IReadOnlyList<string> lines, int brace)
    {
        var indent = lines[brace].IndexOf('{', StringComparison.Ordinal);
        for (var i = brace - 1; i >= 0; i--)
        {
            var text = lines[i].TrimStart();
            if (text.Length == 0 || lines[i].Length - text.Length > indent || text.StartsWith("where ", StringComparison.Ordinal)) continue;
            return Array.Exists(Types, t => (" " + text).Contains(" " + t, StringComparison.Ordinal)) && !text.Contains(" new ", StringComparison.Ordinal);
        }
        return false;
    }
}
