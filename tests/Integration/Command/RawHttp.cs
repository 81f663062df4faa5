using System.Net.Sockets;
using System.Text;

namespace Tally.Tests.Integration.Command;

/// <summary>Sends bytes as they are, which no HTTP client would, and reads one answer.</summary>
internal static class RawHttp
{
    public static async Task<(int Status, string Head, string Body)> SendAsync(Uri address, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(15));
        var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request), patience.Token);
        }
        catch (IOException)
        {
            // The server may answer and close before it has read everything.
        }
        var answer = new StringBuilder();
        var buffer = new byte[16 * 1024];
        try
        {
            while (await stream.ReadAsync(buffer, patience.Token) is var read and > 0) answer.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }
        catch (IOException) when (answer.Length > 0)
        {
        }
        var parts = answer.ToString().Split("\r\n\r\n", 2);
        return (int.Parse(parts[0].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture), parts[0], parts.Length > 1 ? parts[1] : "");
    }

    /// <summary>A POST to the path and query as they are; the connection ends with the answer.</summary>
    public static string Post(string target, string headers = "", string body = "") =>
        $"POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n{body}";
}
