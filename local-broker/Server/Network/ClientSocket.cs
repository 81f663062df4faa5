using System.Net;
using System.Net.Sockets;

namespace Tally.LocalBroker.Server.Network;

/// <summary>A client's connection as the system gave it: its bytes, who is at the other end, and its end.</summary>
internal sealed class ClientSocket : IDisposable
{
    private readonly Socket _socket;
    private readonly CancellationTokenSource _closed = new();
    private int _aborted;

    public ClientSocket(Socket socket)
    {
        _socket = socket;
        // Answers are whole when they are sent: waiting for more would only delay them.
        socket.NoDelay = true;
        Remote = socket.RemoteEndPoint as IPEndPoint;
        Stream = new NetworkStream(socket, ownsSocket: false);
    }

    public IPEndPoint? Remote { get; }

    public NetworkStream Stream { get; }

    /// <summary>Ends when the connection does.</summary>
    public CancellationToken Closed => _closed.Token;

    /// <summary>Ends the connection; reads and writes under way fail. May be called at any time and more than once.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref _aborted, 1) != 0)
            return;
        try
        {
            // What has been sent still arrives.
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The client was faster.
        }

        _socket.Dispose();
        _closed.Cancel();
    }

    public void Dispose()
    {
        // The token's source needs no disposal, and whoever aborts at this moment may be about to cancel it.
        Abort();
        Stream.Dispose();
    }
}
