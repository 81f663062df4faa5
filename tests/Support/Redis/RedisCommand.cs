using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Tally.Tests.Support;

/// <summary>One command on a connection of its own, to exactly this server: no client that would look for a better one.</summary>
public static class RedisCommand
{
    /// <returns>The answer's first line as it came (<c>+OK</c>, <c>:1</c>, <c>-ERR …</c>), of a bulk string its text.</returns>
    public static async Task<string> SendAsync(int port, params string[] words)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        await using var stream = client.GetStream();
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"*{words.Length}\r\n"));
        foreach (var word in words) text.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n");
        await stream.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var line = await reader.ReadLineAsync() ?? throw new IOException("redis-server closed the connection.");
        if (line[0] != '$' || line == "$-1") return line;
        var bulk = new char[int.Parse(line[1..], CultureInfo.InvariantCulture)];
        await reader.ReadBlockAsync(bulk);
        return new string(bulk);
    }
}
