using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Tally.Tests.Support;

/// <summary>Where the threads of a process stand, as gdb tells it: of one that does not end its log says nothing any more.</summary>
public static class ThreadStacks
{
    /// <returns>One sentence where it cannot be told.</returns>
    public static async Task<string> OfAsync(int process)
    {
        var start = new ProcessStartInfo("gdb", ["-p", process.ToString(CultureInfo.InvariantCulture), "-batch", "-iex", "set debuginfod enabled off", "-ex", "thread apply all bt 12"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using var gdb = Process.Start(start)!;
            using var patience = new CancellationTokenSource(Eventually.Patience);
            var errors = gdb.StandardError.ReadToEndAsync(patience.Token);
            try
            {
                var stacks = await gdb.StandardOutput.ReadToEndAsync(patience.Token);
                _ = await errors;
                return stacks;
            }
            catch (OperationCanceledException)
            {
                gdb.Kill();
                return $"gdb did not say within {Eventually.Patience.TotalSeconds} s where its threads stand.";
            }
        }
        catch (Win32Exception)
        {
            return "There is no gdb to say where its threads stand.";
        }
    }
}
