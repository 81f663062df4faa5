using System.Net;
using System.Net.Sockets;

namespace Tally.Tests.Support;

/// <summary>Clients of several addresses on one machine: all of 127.0.0.0/8 is its own.</summary>
public static class ClientAt
{
    /// <param name="address">Such as <c>127.0.0.7</c>: where its connections come from.</param>
    public static HttpClient Address(string address) => new(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (context, cancellation) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
                await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, context.DnsEndPoint.Port), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    {
        Timeout = Eventually.Patience,
    };
}
