using Confluent.Kafka;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;
using Tally.Tests.Support;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>The faults that tests can ask the broker for, and what the protocol makes of them.</summary>
public sealed class FaultTests : BrokerFixture
{
    [Test]
    public async Task A_lost_answer_to_a_commit_is_settled_by_asking_again()
    {
        await Broker.CreateTopicAsync("out");
        using IProducer<string, string> producer = TransactionalProducer("t1");
        producer.BeginTransaction();
        await producer.ProduceAsync("out", new Message<string, string> { Key = "k", Value = "v" });
        Broker.Server.OnNext(ApiKey.EndTxn, Fault.CloseAfter);
        producer.CommitTransaction(Eventually.Patience);
        Assert.That(ReadAll("out", 1), Has.Count.EqualTo(1));
    }

    [Test]
    public async Task A_lost_answer_to_a_produce_stores_nothing_twice()
    {
        await Broker.CreateTopicAsync("out");
        using IProducer<string, string> producer = Producer(c => c.EnableIdempotence = true);
        await producer.ProduceAsync("out", new Message<string, string> { Key = "k", Value = "first" });
        Broker.Server.OnNext(ApiKey.Produce, Fault.CloseAfter);
        DeliveryResult<string, string> second = await producer.ProduceAsync("out", new Message<string, string> { Key = "k", Value = "second" });
        Assert.That(second.Status, Is.EqualTo(PersistenceStatus.Persisted));
        Assert.That(ReadAll("out", 1).Select(r => r.Message.Value), Is.EqualTo(new[] { "first", "second" }));
    }

    [Test]
    public async Task A_delayed_request_is_carried_out_later()
    {
        await Broker.CreateTopicAsync("out");
        using IProducer<string, string> producer = Producer();
        await producer.ProduceAsync("out", new Message<string, string> { Key = "k", Value = "first" });
        Broker.Server.OnNext(ApiKey.Produce, Fault.Delay(TimeSpan.FromMilliseconds(400)));
        long start = Environment.TickCount64;
        await producer.ProduceAsync("out", new Message<string, string> { Key = "k", Value = "second" });
        Assert.That(Environment.TickCount64 - start, Is.GreaterThanOrEqualTo(390));
    }
}
