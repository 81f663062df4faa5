using System.Diagnostics;
using System.Globalization;

// How long from a POST's 204 until a GET shows the event, while other events come at a steady rate.
// Probes go to hours of their own, one at a time in each, so that a count that rose by one is the probe and nothing else.
if (args.Length != 4)
{
    Console.Error.WriteLine("usage: Freshness COMMAND_URL QUERY_URL EVENTS_PER_SECOND SECONDS");
    return 2;
}
var (command, query) = (args[0], args[1]);
var rate = int.Parse(args[2], CultureInfo.InvariantCulture);
var seconds = int.Parse(args[3], CultureInfo.InvariantCulture);
const int ProbeHours = 8;
using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64, UseProxy = false });
using var end = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
var sent = 0;
var delays = new List<double>();

var background = Task.Run(async () =>
{
    // In steps of 10 ms, catching up when the machine was busy elsewhere.
    var begun = Stopwatch.GetTimestamp();
    var pending = new List<Task>();
    while (!end.IsCancellationRequested)
    {
        var due = (int)(Stopwatch.GetElapsedTime(begun).TotalSeconds * rate);
        for (; sent < due; sent++) pending.Add(PostAsync($"/analytics?timestamp={now}&user=load-{sent % 5000}&impression"));
        pending.RemoveAll(t => t.IsCompletedSuccessfully);
        await Task.Delay(10);
    }
    await Task.WhenAll(pending);
});

var probes = Enumerable.Range(1, ProbeHours).Select(hoursBack => Task.Run(async () =>
{
    var timestamp = now - hoursBack * 3_600_000L;
    var count = await ClicksAsync(timestamp);
    for (var n = 0; !end.IsCancellationRequested; n++)
    {
        await PostAsync($"/analytics?timestamp={timestamp}&user=probe-{n}&click");
        var accepted = Stopwatch.GetTimestamp();
        while (await ClicksAsync(timestamp) <= count) await Task.Delay(2);
        lock (delays) delays.Add(Stopwatch.GetElapsedTime(accepted).TotalMilliseconds);
        count++;
        await Task.Delay(Random.Shared.Next(20, 120));
    }
})).ToArray();

await Task.WhenAll(probes);
await background;
delays.Sort();
var cpu = Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds / seconds * 100;
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"freshness: {sent / seconds} events/s, {delays.Count} probes, p50 {At(0.5):F0} ms, p99 {At(0.99):F0} ms, most {delays[^1]:F0} ms (generator {cpu:F0} % of a core)"));
return 0;

double At(double share) => delays[(int)(delays.Count * share)];

async Task PostAsync(string path)
{
    using var answer = await http.PostAsync(new Uri(command + path), null);
    answer.EnsureSuccessStatusCode();
}

async Task<long> ClicksAsync(long timestamp)
{
    var body = await http.GetStringAsync(new Uri($"{query}/analytics?timestamp={timestamp}"));
    return long.Parse(body.Split('\n')[1].AsSpan("clicks,".Length), CultureInfo.InvariantCulture);
}
