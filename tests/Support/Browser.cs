using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Tally.Tests.Support;

/// <summary>A real headless Chromium that shows one page, asked by its DevTools protocol.</summary>
public sealed class Browser : IAsyncDisposable
{
    private const int LargestAnswer = 1 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-browser-");
    private readonly ServiceProcess _process;
    private readonly ClientWebSocket _page = new();
    private int _asked;

    private Browser(string program, Uri address)
    {
        string[] asRoot = Environment.UserName == "root" ? ["--no-sandbox"] : [];
        _process = new ServiceProcess("chromium", program,
        [
            "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--remote-debugging-port=0",
            $"--user-data-dir={_folder.FullName}", .. asRoot, address.ToString(),
        ]);
    }

    /// <summary>Opens the page, or skips the test with the reason.</summary>
    public static async Task<Browser> OpenAsync(Uri address)
    {
        var program = Environment.GetEnvironmentVariable("PATH")!.Split(':').SelectMany(d => (string[])[Path.Combine(d, "chromium"), Path.Combine(d, "google-chrome")]).FirstOrDefault(File.Exists);
        if (program is null) Assert.Ignore("There is no headless browser here (Debian, Ubuntu: apt-get install chromium).");
        var browser = new Browser(program!, address);
        browser._process.Start();
        await browser.ConnectAsync();
        return browser;
    }

    /// <summary>What an expression is in the page, as text.</summary>
    public async Task<string> EvaluateAsync(string expression)
    {
        using var limit = new CancellationTokenSource(Patience);
        var id = ++_asked;
        var call = JsonSerializer.Serialize(new { id, method = "Runtime.evaluate", @params = new { expression = $"String({expression})" } });
        await _page.SendAsync(Encoding.UTF8.GetBytes(call).AsMemory(), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
        while (true)
        {
            using var answer = JsonDocument.Parse(await ReceiveAsync(limit.Token));
            if (answer.RootElement.TryGetProperty("id", out var of) && of.GetInt32() == id)
                return answer.RootElement.GetProperty("result").GetProperty("result").GetProperty("value").GetString()!;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _page.Dispose();
        await _process.DisposeAsync();
        // Chromium's helpers may still be closing their files.
        await Eventually.HoldsAsync("the browser's folder can go", Patience, () =>
        {
            _folder.Delete(recursive: true);
            return Task.FromResult(true);
        });
    }

    private async Task ConnectAsync()
    {
        var portFile = Path.Combine(_folder.FullName, "DevToolsActivePort");
        var target = "";
        await Eventually.HoldsAsync("the browser has opened the page", Patience, async () =>
        {
            var port = int.Parse((await File.ReadAllLinesAsync(portFile))[0], CultureInfo.InvariantCulture);
            using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
            using var targets = JsonDocument.Parse(await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/json/list")));
            target = targets.RootElement.EnumerateArray().First(t => t.GetProperty("type").GetString() == "page").GetProperty("webSocketDebuggerUrl").GetString()!;
            return true;
        });
        await _page.ConnectAsync(new Uri(target), CancellationToken.None);
    }

    private async Task<byte[]> ReceiveAsync(CancellationToken cancellation)
    {
        var buffer = new byte[LargestAnswer];
        var length = 0;
        ValueWebSocketReceiveResult part;
        do
        {
            part = await _page.ReceiveAsync(buffer.AsMemory(length), cancellation);
            length += part.Count;
        }
        while (!part.EndOfMessage);
        return buffer[..length];
    }
}
