using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Tally.Bench.Range;

/// <summary>query-service as a process over the archive, without Redis and Kafka, which ranges do not need.</summary>
internal sealed class Asked : IAsyncDisposable
{
    private readonly Process _process;
    private readonly HttpClient _http;

    private Asked(Process process, HttpClient http) => (_process, _http) = (process, http);

    public static async Task<Asked> StartAsync(string dll, string archive)
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        var start = new ProcessStartInfo("dotnet", [dll]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["Http__Port"] = port.ToString(CultureInfo.InvariantCulture);
        start.Environment["Archive__ConnectionString"] = archive;
        start.Environment["Redis__Endpoints"] = "127.0.0.1:1";
        start.Environment["Kafka__BootstrapServers"] = "127.0.0.1:1";
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        var service = new Asked(process, http);
        for (var tries = 0; ; tries++)
        {
            try
            {
                await http.GetStringAsync("/health/ready");
                return service;
            }
            catch (HttpRequestException) when (tries < 2000)
            {
                await Task.Delay(10);
            }
        }
    }

    /// <summary>Prints the median and the longest of <paramref name="times"/> calls, one after the other.</summary>
    public async Task MeasureAsync(string what, long from, long to, string step, int times)
    {
        var first = await AskAsync(from, to, step);
        var taken = new List<double>();
        for (var i = 0; i < times; i++) taken.Add((await AskAsync(from, to, step)).Milliseconds);
        taken.Sort();
        using var answer = JsonDocument.Parse(first.Body);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what}: median {taken[times / 2]:0} ms, longest {taken[^1]:0} ms, first {first.Milliseconds:0} ms, {first.Body.Length / 1024} KB; total {answer.RootElement.GetProperty("total")}; {Memory()}"));
    }

    /// <summary>The same for calls at once.</summary>
    public async Task MeasureTogetherAsync(string what, long from, long to, string step, int times)
    {
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, times).Select(_ => AskAsync(from, to, step)));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {Stopwatch.GetElapsedTime(began).TotalMilliseconds:0} ms for all; {Memory()}"));
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task<(double Milliseconds, string Body)> AskAsync(long from, long to, string step)
    {
        var began = Stopwatch.GetTimestamp();
        var body = await _http.GetStringAsync(string.Create(CultureInfo.InvariantCulture, $"/analytics/range?from={from * 3_600_000}&to={to * 3_600_000}&step={step}"));
        return (Stopwatch.GetElapsedTime(began).TotalMilliseconds, body);
    }

    private string Memory()
    {
        var peak = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        return $"peak memory of the service {int.Parse(peak, CultureInfo.InvariantCulture) / 1024} MB";
    }
}
