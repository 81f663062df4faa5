using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor;

/// <summary>Leaving the group while it is just giving partitions: as at every stop of an instance during a rebalance.</summary>
public sealed class ClosingInputTests
{
    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [TestCase(false, TestName = "An_assignment_that_nobody_took_does_not_keep_it_from_closing")]
    [TestCase(true, TestName = "An_assignment_that_nobody_took_does_not_keep_it_from_being_abandoned")]
    public async Task An_assignment_that_nobody_took(bool abandoned)
    {
        await using var server = await TestBroker.StartAsync();
        var topics = new AnalyticsTopics(server.BootstrapServers, 2);
        await topics.CreateAsync();
        var options = new ProcessorOptions();
        using var broker = new KafkaBroker(topics.Kafka, options, new EngineStatus(TimeProvider.System), TimeProvider.System, NullLogger<KafkaBroker>.Instance);
        var input = broker.OpenInput(topics.Kafka.Topics.Events, new Listener());
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = server.BootstrapServers }).Build();
        // The client joins by itself; what it was given waits for the next read, which never comes.
        await Eventually.HoldsAsync("the group has given its partitions", () =>
            Task.FromResult(admin.ListGroup(options.Group, TimeSpan.FromSeconds(5)) is { State: "Stable", Members: [{ MemberAssignment.Length: > 0 }] }));
        await Task.Delay(TimeSpan.FromMilliseconds(300));

        var closed = Task.Factory.StartNew(abandoned ? () => input.Abandon(fenced: false) : input.Close, TaskCreationOptions.LongRunning);
        Assert.That(await Task.WhenAny(closed, Task.Delay(Eventually.Promptly)), Is.SameAs(closed), "it hangs");
        await closed;
        input.Dispose();
    }

    [Test]
    public async Task Having_heard_while_it_closes_that_another_has_its_partitions_it_can_still_be_abandoned()
    {
        await using var server = await TestBroker.StartAsync();
        var topics = new AnalyticsTopics(server.BootstrapServers, 2);
        await topics.CreateAsync();
        using var broker = new KafkaBroker(topics.Kafka, new ProcessorOptions(), new EngineStatus(TimeProvider.System), TimeProvider.System, NullLogger<KafkaBroker>.Instance);
        using var input = broker.OpenInput(topics.Kafka.Topics.Events, new Listener { OnRevoked = () => throw new MigratedException("Somebody else has them.") });
        await Task.Factory.StartNew(() => Eventually.HoldsAsync("an end is told, so it has partitions", () => Task.FromResult(input.TryRead(TimeSpan.FromMilliseconds(100), out _))), TaskCreationOptions.LongRunning).Unwrap();

        Assert.Throws<MigratedException>(input.Close);
        Assert.DoesNotThrow(() => input.Abandon(fenced: true));
    }

    private sealed class Listener : IAssignmentListener
    {
        public IReadOnlyList<long> Assigned(IReadOnlyList<int> partitions) => [.. partitions.Select(_ => 0L)];

        public Action OnRevoked { get; init; } = () => { };

        public void Revoked(IReadOnlyList<int> partitions) => OnRevoked();

        public void Lost(IReadOnlyList<int> partitions)
        {
        }
    }
}
