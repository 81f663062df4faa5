using System.Net;
using System.Net.Sockets;

namespace Tally.Tests.Support;

/// <summary>
/// Ports for the programs that tests start, never the same twice in a process. They lie below those that the system gives to the near
/// ends of connections: such a one could be taken between its choice and the program's start.
/// </summary>
public static class FreePort
{
    private const int First = 12_000;
    private const int End = 32_000;
    private const int BlockSize = 200;

    private static readonly Lock Gate = new();
    private static readonly List<TcpListener> Blocks = [];
    private static int _next;
    private static int _end;

    /// <summary>A port that nobody listens on.</summary>
    public static int Next() => NextWith();

    /// <summary>A port beside which those at the given distances (1 to 100) are free too, for programs that take several.</summary>
    public static int NextWith(params int[] distances)
    {
        var last = distances.Length == 0 ? 0 : distances.Max();
        lock (Gate)
            while (true)
            {
                if (_next + last >= _end) TakeBlock();
                var port = _next++;
                if (!Array.TrueForAll([0, .. distances], d => Listen(port + d, keep: false))) continue;
                _next = port + last + 1;
                return port;
            }
    }

    /// <summary>The suites run side by side: a block belongs to the process that listens on its first port.</summary>
    private static void TakeBlock()
    {
        const int blocks = (End - First) / BlockSize;
        for (var n = 0; n < blocks; n++)
        {
            var start = First + ((Environment.ProcessId + n) % blocks * BlockSize);
            if (!Listen(start, keep: true)) continue;
            (_next, _end) = (start + 1, start + BlockSize);
            return;
        }
        throw new InvalidOperationException($"No block of {BlockSize} ports between {First} and {End} is free.");
    }

    private static bool Listen(int port, bool keep)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
        }
        catch (SocketException)
        {
            listener.Dispose();
            return false;
        }
        if (keep) Blocks.Add(listener);
        else listener.Dispose();
        return true;
    }
}
