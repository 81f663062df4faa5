namespace Tally.Tests.Unit.House;

/// <summary>The repository's own files: no build output, no data, nothing generated.</summary>
internal static class SourceTree
{
    private static readonly string[] Skipped = ["artifacts", "bin", "obj", "data", ".git", "TestResults", "node_modules"];

    public static string Root { get; } = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", ".."));

    /// <summary>Path from the root, with slashes, and lines of each file of that ending.</summary>
    public static IEnumerable<(string Path, string[] Lines)> Files(params string[] endings) =>
        from path in Walk(Root)
        where endings.Any(e => path.EndsWith(e, StringComparison.Ordinal))
        select (Path.GetRelativePath(Root, path).Replace('\\', '/'), File.ReadAllLines(path));

    private static IEnumerable<string> Walk(string folder) =>
        Directory.EnumerateFiles(folder).Concat(
            Directory.EnumerateDirectories(folder).Where(d => !Skipped.Contains(Path.GetFileName(d))).SelectMany(Walk));
}
