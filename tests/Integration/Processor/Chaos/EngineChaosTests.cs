using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>
/// Processors and brokers struck again and again while events come in: at the end the numbers are those of a plain recount of the topic. A short run
/// on local-broker here; `make chaos-engine BROKERS=local|kafka|kafka3 EVENTS=2000000 STRIKES=40 SEED=1` makes it long.
/// </summary>
[Parallelizable]
public sealed class EngineChaosTests
{
    private const int Partitions = 8;
    private static readonly string Kind = Environment.GetEnvironmentVariable("CHAOS_BROKERS") is { Length: > 0 } kind ? kind : "local";
    private static readonly int EventCount = Setting("EVENTS") ?? 20_000;
    private static readonly int StrikeCount = Setting("STRIKES") ?? 4;
    private static readonly TimeSpan Session = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Transaction = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    [OneTimeSetUp]
    public static void RequireWhatItNeeds()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        if (Kind != "local" && RealKafka.Reason() is { } reason) Assert.Ignore(reason);
    }

    [Test]
    public async Task Whatever_is_struck_every_event_counts_once()
    {
        var seed = Setting("SEED") ?? Random.Shared.Next(1_000_000);
        await TestContext.Progress.WriteLineAsync($"engine chaos on {Kind}: seed {seed}, {EventCount} events, {StrikeCount} strikes");
        await using var brokers = Brokers.Of(Kind);
        await brokers.StartAsync();
        var kafka = new KafkaOptions { BootstrapServers = brokers.Bootstrap, Partitions = Partitions, ReplicationFactor = (short)brokers.Count };
        await TopicCreation.EnsureAsync(kafka, NullLogger.Instance, CancellationToken.None);
        var folder = Directory.CreateTempSubdirectory("tally-chaos-state-");
        var processors = Enumerable.Range(0, StrikeCount > 10 ? 4 : 2).Select(n => Processor(n, kafka, folder.FullName)).ToArray();
        try
        {
            await using var watch = new HoursWatch(kafka);
            await Run(seed, kafka, brokers, processors, watch);
        }
        finally
        {
            foreach (var processor in processors) await processor.DisposeAsync();
            folder.Delete(recursive: true);
        }
    }

    private static async Task Run(int seed, KafkaOptions kafka, Brokers brokers, ServiceProcess[] processors, HoursWatch watch)
    {
        foreach (var processor in processors) processor.Start();
        var random = new Random(seed);
        var strikes = new Strikes(random, processors, brokers, freeze: Session + Transaction);
        using (var flood = new EventFlood(kafka, seed))
        {
            for (var n = 0; n < StrikeCount; n++)
            {
                var until = (n + 1L) * EventCount / StrikeCount;
                await Task.Run(() => flood.Send((int)(until - flood.Sent)));
                await strikes.StrikeAsync();
                await Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * 2));
            }
            await strikes.SettleAsync();
            await Task.Run(flood.Flush);
        }
        var settled = TimeProvider.System.GetTimestamp();
        Dictionary<int, long> ends = [];
        try
        {
            // Asked for again and again: a broker that was frozen may append now what was sent to it before, and was sent again since.
            await Eventually.HoldsAsync("everything is counted", () => Task.FromResult(watch.HasReached(ends = TopicRecount.Ends(kafka))));
        }
        catch (AssertionException)
        {
            await TestContext.Progress.WriteLineAsync($"seed {seed}: {watch.Missing(ends)}\n{string.Join('\n', processors.Select(p => LastLines(p.Log)))}");
            throw;
        }
        var recovery = TimeProvider.System.GetElapsedTime(settled);

        await strikes.StopAllAsync();
        var recount = await Task.Run(() => TopicRecount.Of(kafka));
        var letters = await Task.Run(() => TopicRecount.DeadLetters(kafka));
        await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"seed {seed} on {Kind}: {recount.Records} events in the topic, {recount.Hours.Count} hours, {recount.Duplicates} duplicates, {letters.Count} dead letters; ")
            + string.Join(", ", strikes.Done.OrderBy(done => done.Key).Select(done => $"{done.Value} {done.Key}")) + $"; all counted {recovery.TotalSeconds:F1} s after the last return");
        Assert.Multiple(() =>
        {
            Assert.That(watch.Hours.OrderBy(h => h.Key), Is.EqualTo(recount.Hours.OrderBy(h => h.Key)), $"seed {seed}: the hours");
            Assert.That(letters.Order(), Is.EqualTo(recount.Poison), $"seed {seed}: each poison record is a dead letter once");
            Assert.That(watch.Duplicates, Is.EqualTo(recount.Duplicates), $"seed {seed}: ids seen before");
            Assert.That(watch.Outcomes, Is.EqualTo(recount.Records), $"seed {seed}: outcomes add up to what came in");
            Assert.That(watch.Faults, Is.Empty, $"seed {seed}: what a reader of committed records saw");
            Assert.That(strikes.Faults, Is.Empty, $"seed {seed}");
        });
    }

    private static ServiceProcess Processor(int number, KafkaOptions kafka, string folder) => ChaosProcessor.Of(number, kafka, folder, isStatic: number % 2 == 0, new()
    {
        // So little memory and so frequent snapshots that every way of state is gone.
        ["State__MemoryBudget"] = $"{16 << 20}",
        ["State__SnapshotInterval"] = "00:00:02",
        ["Processor__SessionTimeout"] = Session.ToString(),
        ["Processor__TransactionTimeout"] = Transaction.ToString(),
        // A transaction is open nearly always, so that freezing and killing meet one.
        ["Processor__CommitInterval"] = "00:00:00.005",
        ["Processor__BacklogCommitInterval"] = "00:00:00.050",
    });

    private static string LastLines(string log) => string.Join('\n', log.Split('\n')[^Math.Min(25, log.Count(c => c == '\n'))..].Select(line => line[..Math.Min(400, line.Length)]));

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), out var number) ? number : null;
}
