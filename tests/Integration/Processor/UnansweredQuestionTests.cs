using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Tests.Integration.Processor.Chaos;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;
using Tally.Tests.Support.Network;

namespace Tally.Tests.Integration.Processor;

/// <summary>Questions to a broker that answered before and is away now: the engine must come back from them, or it does not end on SIGTERM.</summary>
public sealed class UnansweredQuestionTests
{
    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [TestCase(false, TestName = "Asked_for_the_ends_of_a_log_whose_broker_was_killed_it_gives_up_after_a_while")]
    [TestCase(true, TestName = "Asked_for_the_ends_of_a_log_whose_broker_is_frozen_it_gives_up_after_a_while")]
    public async Task Asked_for_the_ends_of_a_log(bool frozen)
    {
        await using var brokers = Brokers.Of("local");
        await brokers.StartAsync();
        var topics = new AnalyticsTopics(brokers.Bootstrap, 1);
        await topics.CreateAsync();
        using var broker = new KafkaBroker(topics.Kafka, new ProcessorOptions(), new EngineStatus(TimeProvider.System), TimeProvider.System, NullLogger<KafkaBroker>.Instance);
        Assert.That(broker.QueryEnds(topics.Kafka.Topics.Changelog, 0), Is.EqualTo(new LogEnds(0, 0)));

        if (frozen) brokers.Pause(0);
        else await brokers.KillAsync(0);
        var asked = Task.Factory.StartNew(() => broker.QueryEnds(topics.Kafka.Topics.Changelog, 0), TaskCreationOptions.LongRunning);
        var ended = await Task.WhenAny(asked, Task.Delay(Eventually.Promptly));
        if (frozen) brokers.Resume(0);
        else await brokers.ReviveAsync(0);

        Assert.That(ended, Is.SameAs(asked), "it hangs");
        Assert.ThrowsAsync<BrokerAwayException>(() => asked);
        await AnsweredAgainAsync(() => broker.QueryEnds(topics.Kafka.Topics.Changelog, 0));
    }

    [Test]
    public async Task Asked_over_connections_that_fell_silent_it_asks_again_over_new_ones()
    {
        await using var server = await TestBroker.StartAsync(options => options with { AdvertisedHost = BadNetwork.Host });
        await using var network = new BadNetwork(
            int.Parse(server.BootstrapServers.Split(':')[1], CultureInfo.InvariantCulture), "tally-processor-1-probe", (_, _) => new Harm(), seed: 1);
        var topics = new AnalyticsTopics(network.BootstrapServers, 2);
        await topics.CreateAsync();
        using var broker = new KafkaBroker(topics.Kafka, new ProcessorOptions(), new EngineStatus(TimeProvider.System), TimeProvider.System, NullLogger<KafkaBroker>.Instance);
        Assert.That(broker.CountPartitions(topics.Kafka.Topics.Events), Is.EqualTo(2));

        network.FallSilent();
        // The client itself gives such a connection up after a minute: longer than this waits.
        await Task.Factory.StartNew(() => Eventually.HoldsAsync("it is answered", Eventually.Promptly, () => Task.FromResult(broker.CountPartitions(topics.Kafka.Topics.Events) == 2)), TaskCreationOptions.LongRunning).Unwrap();
        Assert.That(network.Breaks, Is.Positive);
    }

    /// <summary>It is asked again by the next session, and answered.</summary>
    private static Task AnsweredAgainAsync(Func<LogEnds> ask) => Eventually.HoldsAsync("it is answered again", () =>
    {
        try
        {
            return Task.FromResult(ask() == new LogEnds(0, 0));
        }
        catch (BrokerAwayException)
        {
            return Task.FromResult(false);
        }
    });
}
