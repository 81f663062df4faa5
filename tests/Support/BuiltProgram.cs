using Microsoft.AspNetCore.Builder;

namespace Tally.Tests.Support;

/// <summary>Finds the repository and the programs built beside the running test.</summary>
public static class BuiltProgram
{
    /// <summary>The repository's root: artifacts/bin/{suite}/{configuration} lies four levels below it.</summary>
    public static string Root { get; } = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", ".."));

    private static string Configuration { get; } = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    /// <summary>Path of a project's program in the configuration the tests were built in.</summary>
    /// <param name="project">Such as <c>CommandService</c>.</param>
    public static string Dll(string project)
    {
        var path = Path.Combine(Root, "artifacts", "bin", project, Configuration, $"Tally.{project}.dll");
        if (!File.Exists(path)) throw new FileNotFoundException($"{path} was not built: run `dotnet build Tally.slnx` first.");
        return path;
    }

    /// <summary>To host a service in the test itself with its own appsettings.json: beside the tests lies that of whichever was built last.</summary>
    public static WebApplicationOptions Options(string project, string[] arguments) => new() { Args = arguments, ContentRootPath = Path.GetDirectoryName(Dll(project)) };

    /// <summary>A file or folder that lies beside the repository, or null where there is none.</summary>
    public static string? Beside(params string[] parts)
    {
        var path = Path.Combine([Root, "..", "shared", .. parts]);
        return Path.Exists(path) ? Path.GetFullPath(path) : null;
    }
}
