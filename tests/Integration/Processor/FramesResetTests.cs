using Confluent.Kafka;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.ProcessorService.Jobs.Frames;
using Tally.ProcessorService.Jobs.Frames.Topic;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;
using Tally.Tests.Unit.Frames;

namespace Tally.Tests.Integration.Processor;

/// <summary>Counting the frames again while something goes wrong.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
public sealed class FramesResetTests
{
    private const int Partitions = 3;

    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [Test]
    public async Task State_that_could_not_be_removed_is_not_counted_and_the_reset_can_be_repeated()
    {
        await using var broker = await TestBroker.StartAsync();
        var topics = new FrameTopics(broker.BootstrapServers, Partitions);
        await topics.CreateAsync();
        topics.Produce(FrameStream.Make(9, Partitions, 3_000, users: 100, stepMax: 2, wild: true));
        await using (var first = FramesJobTests.Start(broker.BootstrapServers, Partitions, "1", leaves: true))
        {
            topics.WaitUntilAllIsCounted();
            await first.StopAsync(TimeSpan.FromSeconds(8));
        }
        var before = topics.Results().Count;
        using (var reset = Reset(topics.Kafka))
        {
            Assert.That(await reset.BeginAsync(null, CancellationToken.None), Is.EqualTo(2));
            await reset.CheckAsync(CancellationToken.None);
            // Whoever has the same transactional id fences it, as a broker that went away would end it.
            using (OpenTransactions(topics.Kafka, "1")) Assert.That(reset.Remove(), Does.Contain("generation 2 has begun").And.Contain(topics.Kafka.Topics.UniqueUsers));
            Assert.That(topics.Results().Count, Is.EqualTo(before), "nothing was removed");
            await reset.CheckAsync(CancellationToken.None);
        }
        using (var reset = Reset(topics.Kafka)) Assert.That(await reset.BeginAsync(null, CancellationToken.None), Is.EqualTo(3));

        await using var second = FramesJobTests.Start(broker.BootstrapServers, Partitions, "1", leaves: true, generation: 3);
        topics.WaitUntilAllIsCounted();
        Assert.That(topics.Results().Last.ToDictionary(r => r.Key, r => (r.Value.Users, r.Value.Frames)), Is.EquivalentTo(topics.Recount()), second.Log);
    }

    [Test]
    public async Task Progress_of_another_generation_behind_the_beginning_is_refused()
    {
        await using var broker = await TestBroker.StartAsync();
        var topics = new FrameTopics(broker.BootstrapServers, Partitions);
        await topics.CreateAsync();
        using var reset = Reset(topics.Kafka);
        using var other = OpenTransactions(topics.Kafka, "2");
        Assert.That(await reset.BeginAsync(null, CancellationToken.None), Is.EqualTo(1));
        await reset.CheckAsync(CancellationToken.None);
        other.Begin();
        var progress = new Progress { Generation = 7, Partition = 1 }.ToByteArray();
        other.Write(topics.Kafka.Topics.FramesChangelog, 1, new OutputRecord(RecordKeys.ChangelogProgress, progress, new Headers { { RecordTypes.Header, RecordTypes.Progress } }));
        other.Commit(TimeSpan.FromSeconds(10));

        var refusal = Assert.ThrowsAsync<ConfigurationException>(() => reset.CheckAsync(CancellationToken.None));
        Assert.That(refusal!.Message, Does.StartWith("generation 1 has begun, but the last progress of frames.changelog partition 1 is of generation 7")
            .And.EndsWith("stop every processor with `frames` in Processor:Jobs, then run frames-reset again."));
    }

    [Test]
    public async Task A_processor_that_joins_behind_the_beginning_is_refused()
    {
        await using var broker = await TestBroker.StartAsync();
        var topics = new FrameTopics(broker.BootstrapServers, Partitions);
        await topics.CreateAsync();
        using var reset = Reset(topics.Kafka);
        await reset.BeginAsync(null, CancellationToken.None);
        await reset.CheckAsync(CancellationToken.None);
        using var member = new ConsumerBuilder<Ignore, Ignore>(KafkaClientConfig.Consumer(topics.Kafka, "test", Options("2").Group)).Build();
        member.Subscribe(topics.Kafka.Topics.Frames);
        await Eventually.HoldsAsync("it is a member", () =>
        {
            member.Consume(TimeSpan.FromMilliseconds(100));
            return Task.FromResult(member.Assignment.Count > 0);
        });

        var refusal = Assert.ThrowsAsync<ConfigurationException>(() => reset.CheckAsync(CancellationToken.None));
        Assert.That(refusal!.Message, Is.EqualTo(
            "generation 1 has begun, but group tally-processor-frames has members again: stop every processor with `frames` in Processor:Jobs, then run frames-reset again."));
    }

    private static ProcessorOptions Options(string instance) => new ProcessorOptions { Instance = instance }.For(FramesJob.JobName);

    private static FramesReset Reset(KafkaOptions kafka) =>
        new(kafka, Options("1"), new HashKeyOptions { Value = new('0', 64) }.CreateHasher(), TimeProvider.System, NullLoggerFactory.Instance) { MemberLimit = TimeSpan.FromSeconds(1) };

    private static ITransactionLog OpenTransactions(KafkaOptions kafka, string instance)
    {
        using var broker = new KafkaBroker(kafka, Options(instance), new EngineStatus(TimeProvider.System), TimeProvider.System, NullLogger<KafkaBroker>.Instance);
        return broker.OpenTransactions(CancellationToken.None);
    }
}
