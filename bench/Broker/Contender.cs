using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Tally.Bench.Broker;

/// <summary>A broker under measurement, started by a shell line that stays in the foreground or returns once it serves.</summary>
internal sealed class Contender(string name, int port, string start, string stop)
{
    // Metadata 1 of all topics: length, key, version, correlation id, no client id, null.
    private static readonly byte[] Metadata = Convert.FromHexString("0000000e" + "00030001" + "00000001" + "ffff" + "ffffffff");

    public string Name => name;

    public string Bootstrap => $"127.0.0.1:{port}";

    /// <summary>Starts it; returns the milliseconds until a client got its first answer, to Metadata.</summary>
    public double Start()
    {
        long begun = Stopwatch.GetTimestamp();
        // Not a pipe: the broker outlives the shell and would hold it open.
        Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"{start} > /dev/null 2>&1 &"]))!.WaitForExit();
        using var tick = new ManualResetEventSlim();
        // By hand: librdkafka looks for a broker that was away only once a second.
        while (true)
        {
            try
            {
                using var client = new TcpClient { NoDelay = true };
                client.Connect("127.0.0.1", port);
                client.GetStream().Write(Metadata);
                if (client.GetStream().ReadByte() >= 0) return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            }
            catch (Exception e) when (e is SocketException or IOException && Stopwatch.GetElapsedTime(begun) < TimeSpan.FromMinutes(1))
            {
            }
            tick.Wait(2);
        }
    }

    public void Stop() => Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"{stop} > /dev/null 2>&1"]))!.WaitForExit();

    /// <summary>Resident memory of whoever listens on its port, in MB.</summary>
    public double Memory() => FromProcess(process =>
    {
        string line = File.ReadLines(process + "/status").First(l => l.StartsWith("VmRSS", StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    });

    /// <summary>CPU seconds it has used so far, its own and the system's for it.</summary>
    public double CpuSeconds() => FromProcess(process =>
    {
        string line = File.ReadAllText(process + "/stat");
        // Behind the name, which may hold anything: state is field 3, utime and stime are 14 and 15, in hundredths.
        string[] fields = line[(line.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / 100.0;
    });

    private double FromProcess(Func<string, double> read)
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
                return read(process);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It ended meanwhile, or is somebody else's.
            }
        }
        return double.NaN;
    }
}
