using System.Diagnostics;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker;

/// <summary>The broker as a program on a file system of a few MiB that fills up: it refuses what it cannot keep, says so, goes on reading, and recovers.</summary>
public sealed class FullDiskTests : IAsyncDisposable
{
    private BrokerProcess _broker = null!;
    private string _filler = "";

    [SetUp]
    public async Task StartOnSmallDisk()
    {
        if (!NativeKafkaForTests.TryLoad())
            Assert.Ignore("librdkafka is not installed.");
        _broker = new BrokerProcess("--maintenance-interval-ms", "300");
        if (Run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", _broker.DataDirectory) != 0)
        {
            await _broker.DisposeAsync();
            Assert.Ignore("A small file system can be mounted by root only, and not in every container.");
        }

        _filler = Path.Combine(_broker.DataDirectory, "somebody-elses-file");
    }

    [TearDown]
    public async ValueTask DisposeAsync()
    {
        if (_filler.Length == 0)
            return;
        await _broker.KillAsync();
        Run("umount", "-l", _broker.DataDirectory);
        await _broker.DisposeAsync();
        _filler = "";
    }

    [Test]
    public async Task What_does_not_fit_is_refused_and_what_was_acknowledged_is_there_once([Values("interval", "group")] string flush)
    {
        await File.WriteAllBytesAsync(_filler, new byte[4 * 1024 * 1024]);
        await _broker.StartAsync("--flush", flush);
        await CreateTopicAsync("events");
        var acknowledged = new List<int>();
        using IProducer<Null, byte[]> producer = Producer();
        Error? refused = null;
        int next = 0;
        for (; refused is null && next < 200; next++)
            refused = await TryProduceAsync(producer, next, acknowledged);
        Assert.That(refused, Is.Not.Null, "the disk never filled up");
        Assert.That(Read(), Is.EqualTo(acknowledged), "reads go on");
        Assert.That(_broker.Output, Does.Contain("records are refused until they can be written again").And.Contain("No space left on device"));

        using IConsumer<Ignore, byte[]> group = Consumer();
        Assert.That(() => group.Commit([new TopicPartitionOffset("events", 0, 3)]), Throws.Nothing.Or.InstanceOf<KafkaException>(), "an answer, not a hang");
        File.Delete(_filler);
        for (int until = next + 5; next < until; next++)
            Assert.That(await TryProduceAsync(producer, next, acknowledged), Is.Null, "room again, and no restart needed");
        group.Commit([new TopicPartitionOffset("events", 0, 7)]);
        Assert.That(_broker.Output, Does.Contain("records can be written again"));

        await _broker.KillAsync();
        await _broker.StartAsync();
        Assert.That(Read(), Is.EqualTo(acknowledged));
        using IConsumer<Ignore, byte[]> after = Consumer();
        Assert.That(after.Committed([new TopicPartition("events", 0)], Eventually.Patience).Single().Offset.Value, Is.EqualTo(7));
    }

    [Test]
    public async Task Transactions_and_topics_are_refused_whole_and_work_again_when_there_is_room()
    {
        await _broker.StartAsync();
        await CreateTopicAsync("events");
        using IProducer<Null, byte[]> writer = new ProducerBuilder<Null, byte[]>(
            new ProducerConfig { BootstrapServers = _broker.BootstrapServers, TransactionalId = "writer", MessageTimeoutMs = 3000, TransactionTimeoutMs = 4000 }).Build();
        writer.InitTransactions(Eventually.Patience);
        writer.BeginTransaction();
        writer.Produce("events", new Message<Null, byte[]> { Value = Value(1) });
        writer.CommitTransaction(Eventually.Patience);
        await FillAsync();
        writer.BeginTransaction();
        Assert.That(
            () =>
            {
                writer.Produce("events", new Message<Null, byte[]> { Value = Value(2) });
                writer.CommitTransaction(TimeSpan.FromSeconds(2));
            },
            Throws.InstanceOf<KafkaException>());
        Assert.ThrowsAsync<CreateTopicsException>(() => CreateTopicAsync("another"));
        File.Delete(_filler);
        await CreateTopicAsync("another");
        using IProducer<Null, byte[]> next = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = _broker.BootstrapServers, TransactionalId = "writer" }).Build();
        next.InitTransactions(Eventually.Patience);
        next.BeginTransaction();
        next.Produce("events", new Message<Null, byte[]> { Value = Value(3) });
        next.CommitTransaction(Eventually.Patience);
        await _broker.KillAsync();
        await _broker.StartAsync();
        Assert.That(Read(), Is.EqualTo(new[] { 1, 3 }));
    }

    [Test]
    public async Task A_start_on_a_full_disk_is_refused_with_a_sentence_and_succeeds_when_there_is_room()
    {
        await FillAsync();
        var refused = Assert.ThrowsAsync<InvalidOperationException>(() => _broker.StartAsync());
        Assert.That(refused!.Message, Does.Contain("No space left on device").And.Not.Contain("   at "));
        File.Delete(_filler);
        await _broker.StartAsync();
    }

    private static byte[] Value(int number)
    {
        var value = new byte[100_000];
        BitConverter.TryWriteBytes(value, number);
        return value;
    }

    private static int Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return -1;
        }
    }

    private static async Task<Error?> TryProduceAsync(IProducer<Null, byte[]> producer, int number, List<int> acknowledged)
    {
        try
        {
            await producer.ProduceAsync("events", new Message<Null, byte[]> { Value = Value(number) });
            acknowledged.Add(number);
            return null;
        }
        catch (ProduceException<Null, byte[]> e)
        {
            return e.Error;
        }
    }

    // To the last byte, so that not even a journal's entry fits.
    private async Task FillAsync()
    {
        await using FileStream file = new(_filler, FileMode.Create, FileAccess.Write, FileShare.None, 0);
        try
        {
            while (true)
                await file.WriteAsync(new byte[1 << 16]);
        }
        catch (IOException)
        {
            // That was the purpose. tmpfs gives room by whole pages.
        }
    }

    private IProducer<Null, byte[]> Producer() => new ProducerBuilder<Null, byte[]>(
        new ProducerConfig { BootstrapServers = _broker.BootstrapServers, MessageTimeoutMs = 1500, RetryBackoffMs = 50 }).Build();

    private IConsumer<Ignore, byte[]> Consumer() => new ConsumerBuilder<Ignore, byte[]>(
        new ConsumerConfig { BootstrapServers = _broker.BootstrapServers, GroupId = "group", EnableAutoCommit = false, EnablePartitionEof = true }).Build();

    private List<int> Read()
    {
        using IConsumer<Ignore, byte[]> consumer = Consumer();
        consumer.Assign(new TopicPartitionOffset("events", 0, Offset.Beginning));
        var read = new List<int>();
        while (true)
        {
            ConsumeResult<Ignore, byte[]> result = consumer.Consume(Eventually.Patience) ?? throw new AssertionException("the topic cannot be read to its end");
            if (result.IsPartitionEOF)
                return read;
            read.Add(BitConverter.ToInt32(result.Message.Value));
        }
    }

    private async Task CreateTopicAsync(string name)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _broker.BootstrapServers }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = name, NumPartitions = 1, ReplicationFactor = 1 }]);
    }
}
