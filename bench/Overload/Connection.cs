using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tally.Bench.Overload;

/// <summary>One connection that is kept, with one request under way at a time. Knows as much of HTTP as these answers have: a status and a length.</summary>
internal sealed class Connection(int port) : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[4096];

    public ValueTask OpenAsync() => _socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), CancellationToken.None);

    /// <returns>The status.</returns>
    /// <exception cref="IOException">The connection ended.</exception>
    public async Task<int> AskAsync(byte[] request)
    {
        await _socket.SendAsync(request, SocketFlags.None).ConfigureAwait(false);
        for (var held = 0; ;)
        {
            var read = await _socket.ReceiveAsync(_buffer.AsMemory(held), SocketFlags.None).ConfigureAwait(false);
            if (read == 0) throw new IOException("The service closed the connection.");
            held += read;
            if (TryStatus(_buffer.AsSpan(0, held), out var status)) return status;
        }
    }

    public void Dispose() => _socket.Dispose();

    private static bool TryStatus(ReadOnlySpan<byte> held, out int status)
    {
        status = 0;
        var end = held.IndexOf("\r\n\r\n"u8);
        if (end < 0) return false;
        status = int.Parse(held[9..12], NumberStyles.None, CultureInfo.InvariantCulture);
        if (status == 204) return true;
        var length = Encoding.ASCII.GetString(held[..end]).Split("\r\n").First(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        return held.Length >= end + 4 + int.Parse(length.AsSpan(15), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);
    }
}
