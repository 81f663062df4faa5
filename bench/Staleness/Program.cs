using System.Diagnostics;
using System.Globalization;
using System.Net;
using StackExchange.Redis;
using Tally.Shared.Contracts;

// By how much a number is older where it is kept than in Redis: from the moment Redis has an event until whoever asks query-service, asks it again with the ETag
// he has, or asks a gateway in front of it, sees the event. One probe at a time in an hour, so a count that rose is the probe and nothing else.
if (args.Length != 5)
{
    Console.Error.WriteLine("usage: Staleness COMMAND_URL QUERY_URL REDIS GATEWAY_URL|- PROBES");
    return 2;
}
var (command, query, gateway) = (args[0], args[1], args[3]);
var probes = int.Parse(args[4], CultureInfo.InvariantCulture);
using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64, UseProxy = false });
using var redis = await ConnectionMultiplexer.ConnectAsync(args[2]);
var thisHour = Hours.Of(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());

var (memory, revalidated, kept) = (new List<double>(), new List<double>(), new List<double>());
await ProbeAsync(thisHour, probes, query, memory, revalidated);
if (gateway != "-")
    await Task.WhenAll(Enumerable.Range(2, 8).Select(back => ProbeAsync(thisHour - back, Math.Max(1, probes / 40), gateway, kept, null)));
Tell("memory of query-service, current hour", memory);
Tell("a client that asks again with its ETag, current hour", revalidated);
if (gateway != "-") Tell("gateway that keeps closed hours for max-age", kept);
return 0;

async Task ProbeAsync(long hour, int count, string where, List<double> delays, List<double>? again)
{
    var path = $"/analytics?timestamp={Hours.StartMs(hour)}";
    var key = (RedisKey)$"analytics:hour:{Hours.Name(hour)}";
    await PostAsync(path + "&user=first&click");
    var seen = await UntilAsync(() => InRedisAsync(key), 0);
    await UntilAsync(() => ClicksAsync(where + path), seen.Clicks - 1);
    for (var n = 0; n < count; n++)
    {
        await Task.Delay(Random.Shared.Next(20, 150));
        var before = await InRedisAsync(key);
        var etag = again is null ? null : await EtagAsync(where + path);
        await PostAsync($"{path}&user=probe-{n}&click");
        var inRedis = UntilAsync(() => InRedisAsync(key), before);
        var read = UntilAsync(() => ClicksAsync(where + path), before);
        var asked = again is null ? null : UntilAsync(() => ChangedAsync(where + path, etag!), 0);
        var (_, at) = await inRedis;
        Add(delays, (await read).At, at);
        if (asked is not null) Add(again!, (await asked).At, at);
    }
}

// What is seen a moment before this program's own look at Redis counts as at once.
static void Add(List<double> delays, long seenAt, long inRedisAt)
{
    lock (delays) delays.Add(Math.Max(0, Stopwatch.GetElapsedTime(inRedisAt, seenAt).TotalMilliseconds));
}

static async Task<(long Clicks, long At)> UntilAsync(Func<Task<long>> look, long moreThan)
{
    while (true)
    {
        if (await look() is var clicks && clicks > moreThan) return (clicks, Stopwatch.GetTimestamp());
        await Task.Delay(1);
    }
}

async Task<long> InRedisAsync(RedisKey key) => (long?)await redis.GetDatabase().HashGetAsync(key, "clicks") ?? 0;

async Task<long> ClicksAsync(string url)
{
    var body = await http.GetStringAsync(new Uri(url));
    return long.Parse(body.Split('\n')[1].AsSpan("clicks,".Length), CultureInfo.InvariantCulture);
}

async Task<string> EtagAsync(string url)
{
    using var answer = await http.GetAsync(new Uri(url));
    return answer.Headers.ETag!.ToString();
}

async Task<long> ChangedAsync(string url, string etag)
{
    using var request = new HttpRequestMessage(HttpMethod.Get, url);
    request.Headers.TryAddWithoutValidation("If-None-Match", etag);
    using var answer = await http.SendAsync(request);
    return answer.StatusCode == HttpStatusCode.NotModified ? 0 : 1;
}

async Task PostAsync(string pathAndQuery)
{
    using var answer = await http.PostAsync(new Uri(command + pathAndQuery), null);
    answer.EnsureSuccessStatusCode();
}

static void Tell(string what, List<double> delays)
{
    delays.Sort();
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{what}: {delays.Count} probes, p50 {delays[delays.Count / 2]:F0} ms, p99 {delays[delays.Count * 99 / 100]:F0} ms, most {delays[^1]:F0} ms"));
}
