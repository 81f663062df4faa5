using System.ComponentModel;
using System.Diagnostics;

namespace Tally.Tests.Support;

/// <summary>Runs a program that nobody here wrote; the test is skipped, with the reason, where it is not installed.</summary>
public static class ClientProgram
{
    /// <summary>What it wrote to its output; fails with all it wrote when it does not end well or in time.</summary>
    /// <param name="whereFrom">What to install, for the reason of a skipped test.</param>
    public static async Task<string> RunAsync(
        string program, string whereFrom, IEnumerable<string> arguments, string input = "", TimeSpan? limit = null,
        string? folder = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? "",
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        using Process process = StartOrIgnore(start, whereFrom);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync().WaitAsync(limit ?? TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} did not end:\n{await output}\n{await error}");
        }

        Assert.That(process.ExitCode, Is.Zero, $"{program}:\n{await output}\n{await error}");
        return await output;
    }

    private static Process StartOrIgnore(ProcessStartInfo start, string whereFrom)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            Assert.Ignore($"{start.FileName} is not installed ({whereFrom}).");
            throw;
        }
    }
}
