using System.Globalization;
using Tally.Shared.Contracts;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;
using Tally.Tests.Unit.Frames;

namespace Tally.Tests.Integration.Processor;

/// <summary>processor-service with the frames job as a process on a broker.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
public sealed class FramesJobTests
{
    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(8)]
    public async Task Killed_in_the_middle_of_a_year_its_windows_end_as_a_plain_recount(int partitions)
    {
        await using var broker = await TestBroker.StartAsync();
        var topics = new FrameTopics(broker.BootstrapServers, partitions);
        await topics.CreateAsync();
        await using var processor = Start(broker.BootstrapServers, partitions, "1");
        var frames = FrameStream.Make(partitions, partitions, 12_000, users: 300, stepMax: 2, wild: true);
        topics.Produce(frames[..4_000], "no json", """{"uid":"x"}""", """{"ts":5}""");
        topics.WaitUntilAllIsCounted();
        topics.Produce(frames[4_000..8_000]);
        await processor.KillAsync();
        processor.Start();
        topics.Produce(frames[8_000..]);
        await Task.Delay(300);
        await processor.KillAsync();
        processor.Start();
        topics.WaitUntilAllIsCounted();

        var results = topics.Results().Last.ToDictionary(r => r.Key, r => (r.Value.Users, r.Value.Frames));
        var expected = topics.Recount();
        Assert.Multiple(() =>
        {
            Assert.That(expected.Keys.Union(results.Keys).Where(w => expected.GetValueOrDefault(w) != results.GetValueOrDefault(w))
                .Select(w => $"{w}: expected {expected.GetValueOrDefault(w)}, found {results.GetValueOrDefault(w)}").Take(10), Is.Empty, processor.Log);
            Assert.That(topics.DeadLetters(), Is.EquivalentTo(new Dictionary<string, int>
            {
                [DeadLetterReasons.NotJson] = 1,
                [DeadLetterReasons.NoTimestamp] = 1,
                [DeadLetterReasons.NoUser] = 1,
                [DeadLetterReasons.WildTimestamp] = frames.Count(frame => frame.IsWild),
            }));
        });
        Assert.That(await processor.StopAsync(TimeSpan.FromSeconds(8)), Is.Zero, processor.Log);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_second_instance_waits_and_takes_all_partitions_over(bool killed)
    {
        await using var broker = await TestBroker.StartAsync();
        var topics = new FrameTopics(broker.BootstrapServers, 3);
        await topics.CreateAsync();
        var frames = FrameStream.Make(5, 3, 3_000, users: 100, stepMax: 2, wild: false);
        await using var first = Start(broker.BootstrapServers, 3, "1", leaves: true);
        topics.Produce(frames[..1_000]);
        topics.WaitUntilAllIsCounted();
        await using var second = Start(broker.BootstrapServers, 3, "2", leaves: true);
        topics.Produce(frames[1_000..1_500]);
        if (killed) await first.KillAsync();
        else await first.StopAsync(TimeSpan.FromSeconds(8));
        topics.Produce(frames[1_500..]);
        topics.WaitUntilAllIsCounted();

        var results = topics.Results().Last.ToDictionary(r => r.Key, r => (r.Value.Users, r.Value.Frames));
        Assert.That(results, Is.EquivalentTo(topics.Recount()), second.Log);
    }

    internal static ServiceProcess Start(string bootstrap, int partitions, string instance, bool leaves = false, int generation = 1)
    {
        var port = FreePort.Next().ToString(CultureInfo.InvariantCulture);
        var process = ServiceProcess.Of("processor-service", "ProcessorService", new Dictionary<string, string>
        {
            ["Kafka__BootstrapServers"] = bootstrap,
            ["Kafka__Partitions"] = partitions.ToString(CultureInfo.InvariantCulture),
            ["HashKey__Value"] = new('0', 64),
            ["Http__Port"] = port,
            ["Processor__Jobs"] = "frames",
            ["Frames__Generation"] = generation.ToString(CultureInfo.InvariantCulture),
            ["Processor__Instance"] = instance,
            // Whoever leaves for good hands over at once.
            ["Processor__StaticMembership"] = leaves ? "false" : "true",
            ["State__Directory"] = Path.Combine(TestContext.CurrentContext.WorkDirectory, "state", port),
        }, []);
        process.Start();
        return process;
    }
}
