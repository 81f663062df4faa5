using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor.Chaos;

/// <summary>
/// Faults that last longer than every time-out, and pauses when instances come and go: minutes each, so only when asked for,
/// `make chaos-away AWAY=120` and `make chaos-pauses ROUNDS=5`, with BROKERS=local|kafka.
/// </summary>
public sealed class LongFaultTests
{
    private static readonly string Kind = Environment.GetEnvironmentVariable("CHAOS_BROKERS") is { Length: > 0 } kind ? kind : "local";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("tally-chaos-state-");
    private readonly List<ServiceProcess> _processors = [];

    [SetUp]
    public void RequireWhatItNeeds()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        if (Kind != "local" && RealKafka.Reason() is { } reason) Assert.Ignore(reason);
    }

    [TearDown]
    public async Task StopProcessors()
    {
        foreach (var processor in _processors) await processor.DisposeAsync();
        _folder.Delete(recursive: true);
        _folder.Create();
        _processors.Clear();
    }

    [TestCase("broker killed")]
    [TestCase("broker frozen")]
    [TestCase("processor frozen")]
    public async Task Away_for_longer_than_every_time_out_every_event_counts_once(string fault)
    {
        var away = TimeSpan.FromSeconds(Setting("CHAOS_AWAY") ?? 0);
        if (away == TimeSpan.Zero) Assert.Ignore("It takes minutes: make chaos-away runs it.");
        await RunAsync(fault, async (brokers, _) =>
        {
            await StartAsync(0, 1);
            await Task.Delay(TimeSpan.FromSeconds(10));
            if (fault == "broker killed") await brokers.KillAsync(1);
            else if (fault == "broker frozen") brokers.Pause(1);
            else _processors[0].Pause();
            await Task.Delay(away);
            if (fault == "broker killed") await brokers.ReviveAsync(1);
            else if (fault == "broker frozen") brokers.Resume(1);
            else _processors[0].Continue();
            await Task.Delay(TimeSpan.FromSeconds(10));
        });
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task While_instances_come_and_go_every_event_counts_once_and_the_pauses_are_told(bool isStatic)
    {
        var rounds = Setting("CHAOS_PAUSES") ?? 0;
        if (rounds == 0) Assert.Ignore("It takes minutes: make chaos-pauses runs it.");
        var pauses = new Dictionary<string, List<long>>();
        await RunAsync(isStatic ? "static members" : "members without a name", async (_, watch) =>
        {
            await StartAsync(0, 1, 2);
            await StopAsync(1, 2);
            await Task.Delay(Settle);
            for (var round = 0; round < rounds; round++)
            {
                await Measure("1 to 2 instances", () => StartAsync(1));
                await Measure("2 to 3 instances", () => StartAsync(2));
                for (var n = 0; n < 3; n++)
                {
                    var instance = n;
                    await Measure("one of 3 stopped and started again", async () =>
                    {
                        await StopAsync(instance);
                        await StartAsync(instance);
                    });
                }
                await Measure("3 to 1 instances", () => StopAsync(1, 2));
            }

            async Task Measure(string change, Func<Task> make)
            {
                var from = Environment.TickCount64;
                await make();
                await Task.Delay(Settle);
                if (!pauses.TryGetValue(change, out var of)) pauses.Add(change, of = []);
                of.AddRange(watch.LongestPauses(from, Environment.TickCount64));
            }
        }, isStatic);
        foreach (var (change, of) in pauses) await TellAsync(change, of);
        await TellAsync("all of them", [.. pauses.Values.SelectMany(of => of)]);

        Task TellAsync(string change, List<long> of)
        {
            of.Sort();
            return TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"| {Kind}, {(isStatic ? "static" : "dynamic")} | {change} | {of.Count} | {of[of.Count / 2]} ms | {of[(of.Count * 99 / 100) - (of.Count < 100 ? 1 : 0)]} ms | {of[^1]} ms |"));
        }
    }

    /// <summary>Longer than a group waits for a silent member.</summary>
    private static TimeSpan Settle => TimeSpan.FromSeconds(9);

    private async Task RunAsync(string what, Func<Brokers, PauseWatch, Task> faults, bool? isStatic = null)
    {
        var seed = Setting("SEED") ?? Random.Shared.Next(1_000_000);
        await using var brokers = Brokers.Of(Kind);
        await brokers.StartAsync();
        var kafka = new KafkaOptions { BootstrapServers = brokers.Bootstrap, Partitions = 8 };
        await TopicCreation.EnsureAsync(kafka, NullLogger.Instance, CancellationToken.None);
        for (var n = 0; n < 3; n++) _processors.Add(ChaosProcessor.Of(n, kafka, _folder.FullName, isStatic ?? n % 2 == 0, []));
        await using var watch = new HoursWatch(kafka);
        await using (var pauses = new PauseWatch(kafka))
        await using (var events = new SteadyEvents(kafka, seed))
        {
            await faults(brokers, pauses);
            await events.StopAsync();
        }
        var began = TimeProvider.System.GetTimestamp();
        await Eventually.HoldsAsync("everything is counted", () => Task.FromResult(watch.HasReached(TopicRecount.Ends(kafka))));
        var recovery = TimeProvider.System.GetElapsedTime(began);
        var recount = await Task.Run(() => TopicRecount.Of(kafka));
        var letters = await Task.Run(() => TopicRecount.DeadLetters(kafka));
        await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{what} on {Kind}: seed {seed}, {recount.Records} events, {recount.Hours.Count} hours, {recount.Duplicates} duplicates, {letters.Count} dead letters; all counted {recovery.TotalSeconds:F1} s after the last was written"));
        Assert.Multiple(() =>
        {
            Assert.That(watch.Hours.OrderBy(h => h.Key), Is.EqualTo(recount.Hours.OrderBy(h => h.Key)), $"seed {seed}: the hours");
            Assert.That(letters.Order(), Is.EqualTo(recount.Poison), $"seed {seed}: each poison record is a dead letter once");
            Assert.That(watch.Outcomes, Is.EqualTo(recount.Records), $"seed {seed}: outcomes add up to what came in");
            Assert.That(watch.Faults, Is.Empty, $"seed {seed}: what a reader of committed records saw");
        });
    }

    private async Task StartAsync(params int[] instances)
    {
        foreach (var n in instances) _processors[n].Start();
        foreach (var n in instances)
            await Eventually.HoldsAsync($"instance {n} counts", () => Task.FromResult(_processors[n].LogOfThisLife.Contains("Counting partitions [", StringComparison.Ordinal)));
    }

    private async Task StopAsync(params int[] instances)
    {
        foreach (var n in instances) Assert.That(await _processors[n].StopAsync(TimeSpan.FromSeconds(12)), Is.Zero, _processors[n].Log);
    }

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), out var number) ? number : null;
}
