using System.Globalization;

namespace Tally.Bench.Frames;

/// <summary>A figure a line, in the form of ../shared/peers.</summary>
internal static class Line
{
    public static void Print(string what, long frames, long bytes, double seconds, string more = "") => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{what} frames={frames} elapsed_ms={seconds * 1000:F0} frames_per_second={frames / seconds:F0} mb_per_second={bytes / seconds / 1e6:F0} peak_rss_mb={PeakMegabytes()} "
        + $"cpu_seconds={System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds:F1}{more}"));

    private static long PeakMegabytes() => long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture) / 1024;
}
