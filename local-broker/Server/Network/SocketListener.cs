using System.Net;
using System.Net.Sockets;

namespace Tally.LocalBroker.Server.Network;

/// <summary>
/// Where clients connect. Own sockets rather than Kestrel's transport: that one receives in blocks of 4 KiB and copies twice, and a batch of records is
/// up to 1 MB (docs/decisions/0014).
/// </summary>
internal sealed class SocketListener : IDisposable
{
    private const int Backlog = 1024;
    private readonly Socket _socket;

    private SocketListener(Socket socket) => _socket = socket;

    public IPEndPoint EndPoint => (IPEndPoint)_socket.LocalEndPoint!;

    /// <summary>Throws <see cref="IOException"/> with a sentence when it cannot listen there.</summary>
    public static async Task<SocketListener> BindAsync(string host, int port, CancellationToken cancellationToken)
    {
        IPAddress address = await ResolveAsync(host, cancellationToken);
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Host "::" means every address of the machine.
            if (address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(Backlog);
            return new SocketListener(socket);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? new IOException($"Port {port} on {host} is in use by another program; choose another with --port.", e)
                : new IOException($"Cannot listen on {host}:{port}: {e.Message}", e);
        }
    }

    /// <summary>The next client; null once the listener is disposed. Throws <see cref="SocketException"/> when there could be one and was not.</summary>
    public async ValueTask<ClientSocket?> AcceptAsync()
    {
        while (true)
        {
            Socket? accepted = null;
            try
            {
                accepted = await _socket.AcceptAsync();
                return new ClientSocket(accepted);
            }
            catch (Exception e) when (e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.NotConnected)
            {
                // Gone before it was accepted: the next one.
                accepted?.Dispose();
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    private static async Task<IPAddress> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host, out IPAddress? address))
            return address;
        try
        {
            IPAddress[] found = await Dns.GetHostAddressesAsync(host, cancellationToken);
            return found.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? found[0];
        }
        catch (SocketException e)
        {
            throw new IOException($"The host name {host} cannot be resolved: {e.Message}", e);
        }
    }
}
