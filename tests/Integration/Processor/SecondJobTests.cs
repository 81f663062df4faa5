using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;
using Tally.Tests.Unit.Processor;

namespace Tally.Tests.Integration.Processor;

/// <summary>A job that has nothing to do with analytics, in the engine as the service runs it, on local-broker through the real Kafka client.</summary>
[Parallelizable]
public sealed class SecondJobTests
{
    private const int Partitions = 3;

    private readonly WordCounts _job = new();
    private readonly Dictionary<string, long> _oracle = [];
    private readonly Stack<IBroker> _clients = [];
    private TestBroker _broker = null!;
    private KafkaOptions _kafka = null!;
    private int _produced;
    private int _poison;

    [SetUp]
    public async Task StartBroker()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        _broker = await TestBroker.StartAsync();
        _kafka = new KafkaOptions { BootstrapServers = _broker.BootstrapServers, Partitions = Partitions };
        using var admin = new AdminClientBuilder(KafkaClientConfig.Admin(_kafka, "test")).Build();
        await admin.CreateTopicsAsync(_job.Topics.All.Distinct().Select(name => new TopicSpecification { Name = name, NumPartitions = Partitions, ReplicationFactor = 1 }));
    }

    [TearDown]
    public async Task StopBroker()
    {
        while (_clients.TryPop(out var client)) client.Dispose();
        if (_broker is not null) await _broker.DisposeAsync();
    }

    [Test]
    public async Task A_job_the_engine_has_never_heard_of_counts_dies_restores_and_puts_its_dead_letters_aside()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        await TestContext.Progress.WriteLineAsync($"second job: seed {seed}");
        string[] struck = ["written", "before commit", "after commit"];
        var (strikes, calm) = (new Queue<string>(struck), true);
        Produce(random, 2_000);
        Dictionary<string, long> first;
        using (var engine = await StartAsync(Strike))
        {
            ReadWhenAllIsCounted();
            Produce(random, 2_000);
            first = ReadWhenAllIsCounted();
            await engine.StopAsync(CancellationToken.None);
        }
        Assert.That(strikes, Is.Empty, "it died at each step");
        Assert.That(first, Is.EqualTo(_oracle), $"seed {seed}");

        // Another process: all that it knows of the words before comes from their topic.
        Produce(random, 1_000);
        using (var engine = await StartAsync(_ => { }))
        {
            Assert.That(ReadWhenAllIsCounted(), Is.EqualTo(_oracle), $"seed {seed}");
            await engine.StopAsync(CancellationToken.None);
        }
        var letters = Read(_job.Topics.DeadLetter, (letters, _) => letters.Count == _poison);
        Assert.Multiple(() =>
        {
            Assert.That(letters.Select(l => (Header(l, DeadLetterHeaders.Partition), Header(l, DeadLetterHeaders.Offset))).Distinct().Count(), Is.EqualTo(_poison));
            Assert.That(letters.Select(l => Header(l, DeadLetterHeaders.Reason)), Has.All.EqualTo(WordCounts.NoWord));
            Assert.That(letters.Select(l => Header(l, DeadLetterHeaders.Topic)), Has.All.EqualTo(_job.Topics.Input));
        });

        void Strike(string step)
        {
            // One that never gets to a commit is started again ever later.
            if (calm) calm = step != "after commit";
            else if (strikes.TryPeek(out var next) && next == step)
            {
                calm = true;
                strikes.Dequeue();
                throw new CorruptedException($"struck: {step}");
            }
        }
    }

    private async Task<NativeEngine> StartAsync(Action<string> step)
    {
        var options = new ProcessorOptions { Group = "words", TransactionalIdPrefix = "words", BacklogCommitRecords = 300 };
        var status = new EngineStatus(TimeProvider.System);
        var broker = new FaultyBroker(new KafkaBroker(_kafka, options, status, TimeProvider.System, NullLogger<KafkaBroker>.Instance), step);
        _clients.Push(broker);
        var engine = new NativeEngine(
            broker, new WordCounts(), options, status, new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance), TimeProvider.System, NullLogger<NativeEngine>.Instance);
        await engine.StartAsync(CancellationToken.None);
        return engine;
    }

    private void Produce(Random random, int count)
    {
        using var producer = new ProducerBuilder<Null, byte[]?>(KafkaClientConfig.Producer(_kafka, "test")).Build();
        for (var i = 0; i < count; i++)
        {
            var word = random.Next(50) == 0 ? null : $"word-{random.Next(100)}";
            producer.Produce(new TopicPartition(_job.Topics.Input, random.Next(Partitions)), new Message<Null, byte[]?> { Value = word is null ? null : Encoding.UTF8.GetBytes(word) });
            if (word is null) _poison++;
            else _oracle[word] = _oracle.GetValueOrDefault(word) + 1;
        }
        producer.Flush(Eventually.Patience);
        _produced += count;
    }

    private Dictionary<string, long> ReadWhenAllIsCounted()
    {
        var progress = new Dictionary<int, Progress>();
        var records = Read(_job.Topics.Output, (_, record) =>
        {
            if (RecordKeys.IsProgress(record.Message.Key)) progress[record.Partition] = Progress.Parser.ParseFrom(record.Message.Value);
            return progress.Values.Sum(p => p.Outcomes.Counted + p.Outcomes.DeadLettered.Values.Sum()) == _produced;
        });
        return records.Where(r => !RecordKeys.IsProgress(r.Message.Key)).Select(r => (r.Partition, Count: WordCounts.Read(r.Message.Key, r.Message.Value)))
            .GroupBy(r => (r.Partition, r.Count.Word)).Select(g => g.Last().Count)
            .GroupBy(c => c.Word).ToDictionary(g => g.Key, g => g.Sum(c => c.Count));
    }

    /// <summary>Reads committed records from the beginning until there are enough.</summary>
    private List<ConsumeResult<byte[], byte[]>> Read(string topic, Func<List<ConsumeResult<byte[], byte[]>>, ConsumeResult<byte[], byte[]>, bool> enough)
    {
        var all = new List<ConsumeResult<byte[], byte[]>>();
        using var consumer = new ConsumerBuilder<byte[], byte[]>(KafkaClientConfig.Consumer(_kafka, "test", "test-reader")).Build();
        consumer.Assign(Enumerable.Range(0, Partitions).Select(p => new TopicPartitionOffset(topic, p, 0)));
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            Assert.That(TimeProvider.System.GetElapsedTime(began), Is.LessThan(Eventually.Patience), $"{topic} holds {all.Count} records, and something is missing");
            if (consumer.Consume(TimeSpan.FromMilliseconds(100)) is not { IsPartitionEOF: false } record) continue;
            all.Add(record);
            if (enough(all, record)) return all;
        }
    }

    private static string Header(ConsumeResult<byte[], byte[]> record, string name) =>
        Encoding.UTF8.GetString(record.Message.Headers.Single(h => h.Key == name).GetValueBytes());
}
