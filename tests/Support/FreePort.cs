using System.Net;
using System.Net.Sockets;

namespace Tally.Tests.Support;

/// <summary>Ports that nobody listens on now.</summary>
public static class FreePort
{
    private static readonly HashSet<int> Given = [];

    /// <summary>A port of the system's choice, never the same twice in a process.</summary>
    public static int Next()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            lock (Given)
                if (Given.Add(port)) return port;
        }
    }

    /// <summary>A port beside which those at the given distances are free too, for programs that take several.</summary>
    public static int NextWith(params int[] distances)
    {
        // Below the ports that the system hands out by itself.
        for (var port = 20_000 + (Environment.ProcessId % 100 * 40); port < 30_000; port += 40)
        {
            lock (Given)
                if (Given.Contains(port) || !Array.TrueForAll([0, .. distances], d => IsFree(port + d)) || !Given.Add(port)) continue;
            return port;
        }
        throw new InvalidOperationException("No block of ports is free.");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
