using System.Globalization;
using Tally.Tests.EndToEnd.Load;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.EndToEnd;

/// <summary>
/// Whoever sends back a POST's <c>Tally-Position</c> reads his own write, through whichever instance. <c>make own-writes</c> runs 10,000 pairs.
/// </summary>
public sealed class OwnWritesTests
{
    private const int Clients = 24;

    [Test]
    public async Task Every_write_is_read_back_through_any_instance()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        var pairs = int.Parse(Environment.GetEnvironmentVariable("PAIRS") ?? "400", CultureInfo.InvariantCulture);
        var seed = int.Parse(Environment.GetEnvironmentVariable("SEED") ?? $"{Environment.TickCount}", CultureInfo.InvariantCulture);
        await TestContext.Out.WriteLineAsync($"{pairs} pairs, seed {seed}");
        await using var pipeline = await Pipeline.StartAsync();
        Uri[] commands = [pipeline.CommandAt(""), await pipeline.AddInstanceAsync("command")];
        Uri[] queries = [pipeline.QueryAt(""), await pipeline.AddInstanceAsync("query")];
        await pipeline.AddInstanceAsync("processor");
        await pipeline.AddInstanceAsync("materializer");
        using var broken = new BrokenEvents(pipeline.Bootstrap);

        var writers = Enumerable.Range(0, Clients).Select(n => new OwnWriter(pipeline.Http, commands, queries, broken, seed, n)).ToList();
        var emptied = 0;
        var done = 0;
        await Task.WhenAll(writers.Select(async writer =>
        {
            while (Interlocked.Increment(ref done) is var turn && turn <= pairs)
            {
                if (turn > pairs / 2 && Interlocked.Exchange(ref emptied, 1) == 0) await EmptyRedisAsync(pipeline.RedisPort);
                await writer.WriteAndReadAsync();
            }
        }));

        var kinds = writers.SelectMany(w => w.Done).GroupBy(kind => kind).OrderBy(g => g.Key).Select(g => $"{g.Key} {g.Count()}").ToList();
        var waits = writers.SelectMany(w => w.WaitedMs).Order().ToList();
        await TestContext.Out.WriteLineAsync($"{string.Join(", ", kinds)}; read after p50 {waits[waits.Count / 2]:0} ms, p99 {waits[waits.Count * 99 / 100]:0} ms, "
            + $"longest {waits[^1]:0} ms");
        Assert.That(writers.SelectMany(w => w.Wrong), Is.Empty, () => pipeline.Logs);
        Assert.That(kinds, Has.Count.EqualTo(Enum.GetValues<OwnWriter.Kind>().Length), "every kind of pair occurs");
    }

    private static async Task EmptyRedisAsync(int port)
    {
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync("127.0.0.1", port);
        await client.GetStream().WriteAsync("FLUSHALL\r\n"u8.ToArray());
        var answer = new byte[5];
        await client.GetStream().ReadExactlyAsync(answer);
        Assert.That(answer, Is.EqualTo("+OK\r\n"u8.ToArray()));
    }
}
