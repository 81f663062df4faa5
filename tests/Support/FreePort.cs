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
}
