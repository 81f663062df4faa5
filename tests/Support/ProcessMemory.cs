using System.Globalization;

namespace Tally.Tests.Support;

/// <summary>Memory of a running process in KiB, as the system counts it.</summary>
public static class ProcessMemory
{
    public static long Now(ServiceProcess process) => Status(process, "VmRSS:");

    /// <summary>The most it ever had.</summary>
    public static long Peak(ServiceProcess process) => Status(process, "VmHWM:");

    private static long Status(ServiceProcess process, string name) => long.Parse(
        File.ReadLines($"/proc/{process.Id}/status").Single(l => l.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);
}
