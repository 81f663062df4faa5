using System.Net;
using System.Net.Sockets;
using Tally.Tests.Support.Network;

namespace Tally.Tests.Integration.Archive;

/// <summary>Stands between a client and a server and counts how often the client spoke after the server had: each is a way there and back.</summary>
internal sealed class RoundTrips : Relay
{
    private readonly int _server;
    private int _count;

    /// <param name="server">Port of the server, on this machine.</param>
    public RoundTrips(int server)
        : base(IPAddress.Loopback, 0)
    {
        _server = server;
        Begin();
    }

    public int Count => Volatile.Read(ref _count);

    protected override async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            await server.ConnectAsync(IPAddress.Loopback, _server);
            var answered = 1;
            await Task.WhenAll(
                PumpAsync(client, server, () =>
                {
                    if (Interlocked.Exchange(ref answered, 0) == 1) Interlocked.Increment(ref _count);
                }),
                PumpAsync(server, client, () => Volatile.Write(ref answered, 1)));
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Action before)
    {
        var buffer = new byte[65536];
        try
        {
            while (await from.ReceiveAsync(buffer, End) is > 0 and var read)
            {
                before();
                await to.SendAsync(buffer.AsMemory(0, read), End);
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // One side is gone.
        }
    }
}
