using System.Globalization;
using Tally.Bench.Overload;

// Requests at a steady rate, whatever becomes of them: an open load, which wrk cannot make.
if (args is not ["post" or "get", var port, var rate, var seconds, var connections])
{
    Console.Error.WriteLine("usage: OverloadBench post|get PORT REQUESTS_A_SECOND SECONDS CONNECTIONS");
    return 2;
}
var requests = new Requests(args[0] == "post", TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
using var load = new OpenLoad(Number(port), Number(connections), requests);
await load.RunAsync(Number(rate), TimeSpan.FromSeconds(Number(seconds)));
// What the script reads: accepted, refused (503, 429), other statuses, broken, turned away for want of a connection, under way at the end, p50 and p99 of the accepted in ms.
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"result {load.Accepted.Count} {load.Refused.Count} {load.Other} {load.Broken} {load.TurnedAway} {load.UnderWay} {load.Accepted.At(0.5):F1} {load.Accepted.At(0.99):F1} {load.Refused.At(0.99):F1}"));
return 0;

static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
