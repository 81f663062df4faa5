using System.Net;
using System.Net.Sockets;

namespace Tally.Tests.Integration.Archive;

/// <summary>Stands between a client and a server and counts how often the client spoke after the server had: each is a way there and back.</summary>
internal sealed class RoundTrips : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly List<Task> _work = [];
    private readonly int _server;
    private int _count;

    /// <param name="server">Port of the server, on this machine.</param>
    public RoundTrips(int server)
    {
        _server = server;
        _listener.Start();
        _work.Add(AcceptAsync());
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int Count => Volatile.Read(ref _count);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await Task.WhenAll(_work);
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _work.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_end.Token)));
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient { NoDelay = true };
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

    private async Task PumpAsync(TcpClient from, TcpClient to, Action before)
    {
        var buffer = new byte[65536];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, _end.Token) is > 0 and var read)
            {
                before();
                await to.GetStream().WriteAsync(buffer.AsMemory(0, read), _end.Token);
            }
            to.Client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // One side is gone.
        }
    }
}
