using System.Diagnostics;
using System.Globalization;
using Confluent.Kafka;

namespace Tally.Bench.Broker;

/// <summary>A broker under measurement, started by a shell line that stays in the foreground or returns once it serves.</summary>
internal sealed class Contender(string name, int port, string start, string stop)
{
    public string Name => name;

    public string Bootstrap => $"127.0.0.1:{port}";

    /// <summary>Starts it; returns the milliseconds until a client got its first answer.</summary>
    public double Start()
    {
        long begun = Stopwatch.GetTimestamp();
        // Not a pipe: the broker outlives the shell and would hold it open.
        Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"{start} > /dev/null 2>&1 &"]))!.WaitForExit();
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig
        {
            BootstrapServers = Bootstrap,
            ReconnectBackoffMs = 10,
            ReconnectBackoffMaxMs = 20,
            LogConnectionClose = false,
        }).SetLogHandler((_, _) => { }).SetErrorHandler((_, _) => { }).Build();
        while (true)
        {
            try
            {
                admin.GetMetadata(TimeSpan.FromSeconds(1));
                return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            }
            catch (KafkaException) when (Stopwatch.GetElapsedTime(begun) < TimeSpan.FromMinutes(1))
            {
            }
        }
    }

    public void Stop() => Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"{stop} > /dev/null 2>&1"]))!.WaitForExit();

    /// <summary>Resident memory of whoever listens on its port, in MB.</summary>
    public double Memory()
    {
        string hex = ":" + port.ToString("X4", CultureInfo.InvariantCulture);
        HashSet<string> sockets = [.. File.ReadLines("/proc/net/tcp").Concat(File.ReadLines("/proc/net/tcp6")).Skip(1)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields[1].EndsWith(hex, StringComparison.Ordinal) && fields[3] == "0A")
            .Select(fields => $"socket:[{fields[9]}]")];
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])))
        {
            try
            {
                if (!Directory.EnumerateFileSystemEntries(process + "/fd").Any(fd => sockets.Contains(new FileInfo(fd).LinkTarget ?? ""))) continue;
                string line = File.ReadLines(process + "/status").First(l => l.StartsWith("VmRSS", StringComparison.Ordinal));
                return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It ended meanwhile, or is somebody else's.
            }
        }
        return double.NaN;
    }
}
