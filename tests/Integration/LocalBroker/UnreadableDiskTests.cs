using Confluent.Kafka;
using Microsoft.Win32.SafeHandles;
using Tally.LocalBroker.Storage;
using Tally.Tests.Integration.LocalBroker.SameAnswers;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>A disk that cannot be read for a while: requests that need it fail, their connections and all else go on.</summary>
public sealed class UnreadableDiskTests
{
    private const int StorageError = 56;

    [Test]
    public async Task Reads_fail_with_an_error_while_writes_go_on_and_consumers_get_everything_afterwards()
    {
        if (!NativeKafkaForTests.TryLoad())
            Assert.Ignore("librdkafka is not installed.");
        var disk = new UnreadableDisk();
        await using TestBroker broker = await TestBroker.StartAsync(o => o with { Disk = disk });
        await broker.CreateTopicAsync("events");
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = broker.BootstrapServers }).Build();
        await producer.ProduceAsync("events", new Message<Null, string> { Value = "before" });
        disk.IsUnreadable = true;
        using var client = new Conversation(broker.BootstrapServers);
        Assert.That((await client.FetchAsync("events", 0))?.Error, Is.EqualTo(StorageError));
        Assert.That(await client.ListOffsetsAsync("events", timestamp: 1), Does.StartWith($"error {StorageError} "));
        Assert.That(await client.ListOffsetsAsync("events", timestamp: -1), Does.StartWith("error 0 "), "the same connection goes on");
        await producer.ProduceAsync("events", new Message<Null, string> { Value = "meanwhile" });
        using IConsumer<Null, string> consumer = new ConsumerBuilder<Null, string>(new ConsumerConfig { BootstrapServers = broker.BootstrapServers, GroupId = "g" })
            .SetErrorHandler((_, _) => { }).SetLogHandler((_, _) => { }).Build();
        consumer.Assign(new TopicPartitionOffset("events", 0, Offset.Beginning));
        Assert.That(consumer.Consume(TimeSpan.FromMilliseconds(300)), Is.Null);
        disk.IsUnreadable = false;
        Assert.That(new[] { consumer.Consume(Eventually.Patience)?.Message.Value, consumer.Consume(Eventually.Patience)?.Message.Value }, Is.EqualTo(new[] { "before", "meanwhile" }));
    }

    private sealed class UnreadableDisk : Disk
    {
        public volatile bool IsUnreadable;

        public override int Read(SafeFileHandle file, Span<byte> into, long at) =>
            IsUnreadable ? throw new IOException("Input/output error") : base.Read(file, into, at);
    }
}
