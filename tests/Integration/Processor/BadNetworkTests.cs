using System.Globalization;
using Tally.ProcessorService.Engine;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;
using Tally.Tests.Support.Network;

namespace Tally.Tests.Integration.Processor;

/// <summary>
/// The engine behind a bad network, on local-broker through the real Kafka client: throughput may fall, no number may be wrong. Once and short here;
/// `make chaos-network ROUNDS=20 SEED=n` goes on.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
public sealed class BadNetworkTests
{
    private const int Partitions = 4;
    private const int EventCount = 2_000;
    private static readonly int Rounds = Setting("NETWORK_ROUNDS") ?? 0;

    /// <summary>Connections that are broken in a test; later ones are spared, so that it ends soon.</summary>
    private static readonly (int Reset, int Silent) Broken = Rounds == 0 ? (6, 1) : (20, 4);

    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [Test]
    public Task Cut_into_single_bytes_every_event_counts_once() =>
        CountsExactAsync(_ => Harm.Both(new Lane { SliceBytes = 1 }));

    [Test]
    public Task With_answers_late_by_chance_every_event_counts_once() => CountsExactAsync(chance =>
    {
        // A start asks some forty things one after the other.
        var middle = TimeSpan.FromMilliseconds(Rounds == 0 ? 50 : 200);
        return new Harm { Answers = new Lane { Latency = Around(middle, middle / 2, chance) } };
    });

    [Test]
    public Task At_100_KB_a_second_every_event_counts_once() =>
        CountsExactAsync(_ => Harm.Both(new Lane { BytesPerSecond = 100_000 }));

    [Test]
    public Task With_connections_reset_after_some_bytes_every_event_counts_once() =>
        CountsExactAsync(chance => OneWay(new Lane { ResetAfter = SomeBytes(chance) }, chance), Broken.Reset);

    [Test]
    public Task With_connections_that_fall_silent_and_tell_nobody_every_event_counts_once() => CountsExactAsync(
        // That by which the events come carries more than any other; all else goes on then, and nothing but the want of answers tells that it is gone.
        chance => Rounds == 0 ? new Harm { Answers = new Lane { SilentAfter = 20_000 } } : OneWay(new Lane { SilentAfter = SomeBytes(chance) }, chance), Broken.Silent);

    private static async Task CountsExactAsync(Func<Random, Harm> harm, int breaks = 0)
    {
        var seed = Setting("SEED") ?? Random.Shared.Next(1_000_000);
        for (var round = 0; round < Math.Max(1, Rounds); round++) await CountsExactAsync(seed + round, harm, breaks);
    }

    private static async Task CountsExactAsync(int seed, Func<Random, Harm> harm, int breaks)
    {
        await using var broker = await TestBroker.StartAsync(options => options with { AdvertisedHost = BadNetwork.Host });
        await using var network = new BadNetwork(Port(broker), "tally-processor", (chance, broken) => breaks > 0 && broken >= breaks ? new Harm() : harm(chance), seed);
        var topics = new AnalyticsTopics(network.BootstrapServers, Partitions);
        await topics.CreateAsync();
        var random = new Random(seed);
        topics.Produce(random, EventCount / 2, poison: 10);
        var began = TimeProvider.System.GetTimestamp();
        await using var engine = new RunningEngine(topics.Kafka, new ProcessorOptions { BacklogCommitRecords = EventCount / 10 });
        for (var round = 0; round < 5; round++)
        {
            topics.Produce(random, EventCount / 10);
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
        var hours = topics.ReadHoursWhenAllIsCounted();
        var took = TimeProvider.System.GetElapsedTime(began);
        await engine.StopAsync();
        await TestContext.Progress.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{TestContext.CurrentContext.Test.Name}: seed {seed}, {topics.Produced} records in {took.TotalSeconds:F1} s, {network.Connections} connections, {network.Breaks} broken, {engine.Faults} sessions ended early"));
        Assert.Multiple(() =>
        {
            Assert.That(hours, Is.EqualTo(topics.Oracle.Hours), $"seed {seed}");
            Assert.That(topics.ReadAll(topics.Kafka.Topics.DeadLetter), Has.Count.EqualTo(topics.Poison), $"seed {seed}: each poison record once");
            Assert.That(took, Is.LessThan(Eventually.Patience), $"seed {seed}");
            Assert.That(network.Connections, Is.GreaterThan(1), "the engine came through it");
            Assert.That(network.Breaks, breaks > 0 ? Is.Positive : Is.Zero);
        });
    }

    /// <summary>From within the first request to some hundred answers, as many of each size.</summary>
    private static long SomeBytes(Random chance) => (long)Math.Exp(chance.NextDouble() * Math.Log(EventCount * 10));

    private static Harm OneWay(Lane lane, Random chance) => chance.Next(2) == 0 ? new Harm { Requests = lane } : new Harm { Answers = lane };

    private static Func<TimeSpan> Around(TimeSpan middle, TimeSpan most, Random chance)
    {
        var own = new Random(chance.Next());
        return () => middle + (most * ((own.NextDouble() * 2) - 1));
    }

    private static int Port(TestBroker broker) => int.Parse(broker.BootstrapServers.Split(':')[1], CultureInfo.InvariantCulture);

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), out var number) ? number : null;
}
