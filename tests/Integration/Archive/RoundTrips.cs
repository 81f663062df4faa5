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
    private readonly TimeSpan _delay;
    private int _count;

    /// <param name="server">Port of the server, on this machine.</param>
    /// <param name="delay">How much longer the way to it takes.</param>
    public RoundTrips(int server, TimeSpan delay = default)
    {
        (_server, _delay) = (server, delay);
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
                PumpAsync(client, server, async () =>
                {
                    if (Interlocked.Exchange(ref answered, 0) == 0) return;
                    Interlocked.Increment(ref _count);
                    if (_delay > TimeSpan.Zero) await Task.Delay(_delay, _end.Token);
                }),
                PumpAsync(server, client, () =>
                {
                    Volatile.Write(ref answered, 1);
                    return Task.CompletedTask;
                }));
        }
    }

    private async Task PumpAsync(TcpClient from, TcpClient to, Func<Task> before)
    {
        var buffer = new byte[65536];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, _end.Token) is > 0 and var read)
            {
                await before();
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
