using Tally.Tests.Integration.Processor.Chaos;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.Processor.Fetching;

/// <summary>A local-broker for each test; of Kafka, whose start takes longer than any of them, one for all, with topics of their own.</summary>
[SetUpFixture]
public sealed class FetchBrokers
{
    private static readonly Lazy<Task<Brokers>> Kafka = new(() => StartAsync("kafka"));

    [OneTimeTearDown]
    public static async Task StopAsync()
    {
        if (Kafka.IsValueCreated) await (await Kafka.Value).DisposeAsync();
    }

    /// <param name="kind"><c>local</c> or <c>kafka</c>; without Kafka the test is passed over.</param>
    public static async Task<Lease> TakeAsync(string kind)
    {
        if (kind != "kafka") return new Lease(await StartAsync(kind), isOwn: true);
        if (RealKafka.Reason() is { } reason) Assert.Ignore(reason);
        return new Lease(await Kafka.Value, isOwn: false);
    }

    private static async Task<Brokers> StartAsync(string kind)
    {
        var brokers = Brokers.Of(kind);
        await brokers.StartAsync();
        return brokers;
    }

    /// <summary>What a test has of them.</summary>
    public sealed class Lease(Brokers brokers, bool isOwn) : IAsyncDisposable
    {
        public string Bootstrap => brokers.Bootstrap;

        public ValueTask DisposeAsync() => isOwn ? brokers.DisposeAsync() : ValueTask.CompletedTask;
    }
}
