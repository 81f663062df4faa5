using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Tally.Tests.Support.Network;

/// <summary>Listens in the place of a server and serves each connection until it is disposed.</summary>
public abstract class Relay : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentBag<Task> _work = [];

    /// <param name="address">Where to listen.</param>
    /// <param name="port">There; 0 for a free one.</param>
    protected Relay(IPAddress address, int port)
    {
        _listener = new TcpListener(address, port);
        _listener.Start();
    }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Cancelled when it is disposed.</summary>
    protected CancellationToken End => _end.Token;

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        await Task.WhenAll(_work);
        _end.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>To be called once all is set up that <see cref="ServeAsync"/> needs.</summary>
    protected void Begin() => _work.Add(AcceptAsync());

    /// <summary>Carries one connection until a side is gone or <see cref="End"/>; it does not throw.</summary>
    protected abstract Task ServeAsync(Socket client);

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _work.Add(ServeAsync(await _listener.AcceptSocketAsync(_end.Token)));
        }
        catch (OperationCanceledException)
        {
        }
    }
}
