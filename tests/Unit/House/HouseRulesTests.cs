using System.Text.RegularExpressions;

namespace Tally.Tests.Unit.House;

/// <summary>What the compiler does not hold: lengths, names, left-over marks.</summary>
public sealed partial class HouseRulesTests
{
    private const int MaxFileLines = 300;
    private const int MaxMethodLines = 70;

    /// <summary>Files that may be longer, each with its reason.</summary>
    private static readonly Dictionary<string, string> LongFiles = [];

    private static readonly string[] EmptyWords = ["Manager", "Helper", "Util", "Common", "Misc"];

    [Test]
    public void No_file_is_longer_than_300_lines() =>
        Assert.That(SourceTree.Files(".cs").Where(f => f.Lines.Length > MaxFileLines && !LongFiles.ContainsKey(f.Path))
            .Select(f => $"{f.Path}: {f.Lines.Length}"), Is.Empty);

    [Test]
    public void No_method_is_longer_than_70_lines() =>
        Assert.That(SourceTree.Files(".cs").SelectMany(f => MethodLengths.Of(f.Lines).Where(m => m.Length > MaxMethodLines)
            .Select(m => $"{f.Path}:{m.Line}: {m.Length} lines")), Is.Empty);

    [Test]
    public void The_method_ruler_measures() =>
        Assert.That(MethodLengths.Of(["class A", "{", "    void B()", "    {", "        x();", "        y();", "    }", "}"]), Is.EqualTo(new[] { (4, 2) }));

    [Test]
    public void A_mark_for_later_names_an_issue() => Assert.That(Hits(LaterWithoutIssue(), ".cs", ".sh", ".lua", ".yml"), Is.Empty);

    [Test]
    public void No_name_is_an_empty_word() =>
        Assert.That(SourceTree.Files(".cs").Select(f => f.Path).Where(p => EmptyWords.Any(w => Path.GetFileName(p).Contains(w, StringComparison.Ordinal))),
            Is.Empty);

    [Test]
    public void Nothing_names_a_registry_or_a_path_of_one_machine() =>
        Assert.That(Hits(OfOneMachine(), ".cs", ".csproj", ".props", ".targets", ".json", ".sh", ".yml", ".md", "Makefile", "Dockerfile", ".config"), Is.Empty);

    [Test]
    public void Every_namespace_begins_with_Tally() =>
        Assert.That(SourceTree.Files(".cs").Where(f => Array.Exists(f.Lines, l => l.StartsWith("namespace ", StringComparison.Ordinal)
            && !l.StartsWith("namespace Tally.", StringComparison.Ordinal))).Select(f => f.Path), Is.Empty);

    [Test]
    public void No_package_set_is_told_apart_inside_a_file() => Assert.That(Hits(Conditional(), ".cs"), Is.Empty);

    private static IEnumerable<string> Hits(Regex what, params string[] endings) =>
        from file in SourceTree.Files(endings)
        where !file.Path.EndsWith(nameof(HouseRulesTests) + ".cs", StringComparison.Ordinal)
        from line in file.Lines.Select((text, at) => (Text: text, Number: at + 1))
        where what.IsMatch(line.Text)
        select $"{file.Path}:{line.Number}: {line.Text.Trim()}";

    [GeneratedRegex(@"\b(TODO|FIXME|XXX|HACK)\b(?!.*#\d+)")]
    private static partial Regex LaterWithoutIssue();

    // Homes, mounts and temporary folders of a machine; addresses of package registries.
    [GeneratedRegex(@"(?<![\w.$}])/(home|Users|root|work|mnt|srv)/\w|\b[A-Z]:\\\\|nuget\.org/v3|/artifactory/|packageSources")]
    private static partial Regex OfOneMachine();

    [GeneratedRegex(@"^\s*#(if|elif)\b")]
    private static partial Regex Conditional();
}
