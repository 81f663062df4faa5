using Confluent.Kafka;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>The writer that <see cref="KillTests"/> judges by must not itself hide what it looks for.</summary>
public sealed class TransactionalWriterTests : BrokerFixture
{
    [Test]
    public async Task A_writer_stopped_in_a_commit_hides_nothing_that_others_commit_behind_it()
    {
        await Broker.CreateTopicAsync("whole", TransactionalWriter.Partitions);
        await Broker.CreateTopicAsync("in");
        Broker.Server.OnNext(ApiKey.EndTxn, Fault.Delay(Eventually.Patience));
        var writer = new TransactionalWriter(Broker.BootstrapServers, 0, TimeSpan.FromSeconds(1));
        using var stop = new CancellationTokenSource();
        Task run = Task.Run(() => writer.Run(stop.Token));
        await Eventually.HoldsAsync("the writer commits", () => Task.FromResult(!writer.Unknown.IsEmpty));
        await stop.CancelAsync();
        await run;
        Assert.That(writer.Committed, Is.Empty, "its commit was answered");

        using IProducer<string, string> other = TransactionalProducer("other");
        other.BeginTransaction();
        other.Produce(new TopicPartition("whole", 0), new Message<string, string> { Key = "k", Value = "behind" });
        other.CommitTransaction(Eventually.Patience);
        Assert.That(ReadAll("whole", TransactionalWriter.Partitions).Select(r => r.Message.Value), Is.EqualTo(new[] { "behind" }));
    }
}
