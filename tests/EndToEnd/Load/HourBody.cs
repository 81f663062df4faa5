using System.Globalization;
using System.Text.RegularExpressions;

namespace Tally.Tests.EndToEnd.Load;

/// <summary>The three numbers of an answer.</summary>
public readonly partial record struct HourBody(long Users, long Clicks, long Impressions)
{
    /// <summary>Reads the body exactly as the contract has it; anything else fails the test.</summary>
    public static HourBody Parse(string text)
    {
        var match = Form().Match(text);
        if (!match.Success) Assert.Fail($"This is not the body of an hour: {text}");
        return new HourBody(Number(1), Number(2), Number(3));

        long Number(int group) => long.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);
    }

    public static HourBody Of(IEnumerable<PostedEvent> events)
    {
        var users = new HashSet<string>();
        long clicks = 0, impressions = 0;
        foreach (var e in events)
        {
            users.Add(e.User);
            if (e.Click) clicks++;
            else impressions++;
        }
        return new HourBody(users.Count, clicks, impressions);
    }

    public bool AtLeast(HourBody other) => Users >= other.Users && Clicks >= other.Clicks && Impressions >= other.Impressions;

    [GeneratedRegex(@"\Aunique_users,(\d+)\nclicks,(\d+)\nimpressions,(\d+)\n\z")]
    private static partial Regex Form();
}
