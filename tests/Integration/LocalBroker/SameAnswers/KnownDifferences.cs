using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>The differences that are meant, as the table in local-broker/README.md states them: scenario and step, Kafka's answer, local-broker's.</summary>
internal static class KnownDifferences
{
    private const string Head = "| scenario: step | Kafka 4.3.1 | local-broker |";

    public static Dictionary<(string Scenario, string Step), (string Kafka, string Here)> Read()
    {
        string[] lines = File.ReadAllLines(Path.Combine(BuiltProgram.Root, "local-broker", "README.md"));
        int start = Array.FindIndex(lines, l => l.StartsWith(Head, StringComparison.Ordinal));
        Assert.That(start, Is.GreaterThan(0), $"local-broker/README.md has no table that begins with {Head}");
        var known = new Dictionary<(string, string), (string, string)>();
        foreach (string line in lines.Skip(start + 2).TakeWhile(l => l.StartsWith('|')))
        {
            string[] cells = [.. line.Trim('|', ' ').Split('|').Select(cell => cell.Trim().Trim('`'))];
            string[] place = cells[0].Split(": ", 2);
            known.Add((place[0], place[1]), (cells[1], cells[2]));
        }

        return known;
    }
}
