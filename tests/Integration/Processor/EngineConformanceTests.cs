using System.Globalization;
using System.Text;
using Tally.ProcessorService.Engine;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor;

/// <summary>What every engine does, seen from its topics: the same records whatever runs the job.</summary>
[TestFixture(ProcessorOptions.Native)]
[TestFixture(ProcessorOptions.Streamiz)]
public sealed class EngineConformanceTests(string engine)
{
    private const int Partitions = 4;

    private TestBroker _broker = null!;
    private AnalyticsTopics _topics = null!;
    private int _port;
    private DirectoryInfo _folder = null!;

    [OneTimeSetUp]
    public void RequireWhatItNeeds()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
        if (engine == ProcessorOptions.Streamiz && !EngineChoice.HasStreamiz) Assert.Ignore("Streamiz is not part of this build: it comes with the package set full.");
    }

    [SetUp]
    public async Task StartBroker()
    {
        _broker = await TestBroker.StartAsync();
        _topics = new AnalyticsTopics(_broker.BootstrapServers, Partitions);
        await _topics.CreateAsync();
        _port = FreePort.Next();
        _folder = Directory.CreateTempSubdirectory("tally-streamiz-");
    }

    [TearDown]
    public async Task StopBroker()
    {
        await _broker.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Test]
    public async Task Hours_progress_and_dead_letters_are_exact_over_a_kill_and_it_ends_with_0_on_SIGTERM()
    {
        await using var processor = Start();
        _topics.Produce(new Random(1), 3_000, poison: 8);
        _topics.ReadHoursWhenAllIsCounted();
        await EngineIsNamedAsync();
        _topics.Produce(new Random(2), 3_000, poison: 3);
        await processor.KillAsync();
        processor.Start();
        // The first may have counted all there was; these are the second's.
        _topics.Produce(new Random(3), 500);

        var hours = _topics.ReadHoursWhenAllIsCounted();
        await EngineIsNamedAsync();
        var code = await processor.StopAsync(TimeSpan.FromSeconds(10));
        var letters = _topics.ReadAll(_topics.Kafka.Topics.DeadLetter);
        var progress = new Dictionary<int, Progress>();
        _topics.ReadProgress("every partition tells how far it is", record =>
        {
            progress[record.Partition] = record;
            return progress.Values.Sum(p => p.NextOffset) == _topics.Produced;
        });

        Assert.Multiple(() =>
        {
            Assert.That(hours, Is.EqualTo(_topics.Oracle.Hours), processor.Log);
            Assert.That(code, Is.Zero, processor.Log);
            Assert.That(letters, Has.Count.EqualTo(_topics.Poison), "each poison record once");
            foreach (var letter in letters)
            {
                Assert.That(Header(letter, DeadLetterHeaders.Reason), Is.EqualTo(DeadLetterReasons.InvalidEvent));
                Assert.That(Header(letter, DeadLetterHeaders.Partition), Is.EqualTo(letter.Partition.Value.ToString(CultureInfo.InvariantCulture)));
            }
            Assert.That(progress.Keys, Is.EquivalentTo(Enumerable.Range(0, Partitions)));
            Assert.That(progress.Values.Sum(p => p.NextOffset), Is.EqualTo(_topics.Produced));
            Assert.That(progress.Values.Sum(p => p.Outcomes.DeadLettered.Values.Sum()), Is.EqualTo(_topics.Poison));
            foreach (var (partition, record) in progress)
                Assert.That((record.Partition, record.Generation, record.PartitionCount, record.Partitioner, record.InputTopic, record.KeyedBy),
                    Is.EqualTo((partition, 1, Partitions, KafkaClientConfig.PartitionerName, _topics.Kafka.Topics.Events, KeyedBy.UserHash)));
        });
    }

    [Test]
    public async Task An_idle_topic_says_again_and_again_that_its_zeros_are_current()
    {
        var before = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        await using var processor = Start();

        var seen = Enumerable.Range(0, Partitions).ToDictionary(p => p, _ => new List<long>());
        _topics.ReadProgress("as-of moves on in every partition", progress =>
        {
            seen[progress.Partition].Add(progress.AsOfMs);
            return seen.Values.All(asOf => asOf.Count >= 3 && asOf[^1] > before);
        });

        Assert.That(seen.Values, Has.All.Ordered);
    }

    [Test]
    public async Task A_broker_that_is_killed_and_comes_back_ends_nothing_and_costs_no_event()
    {
        await using var broker = new BrokerProcess();
        await broker.StartAsync();
        var topics = new AnalyticsTopics(broker.BootstrapServers, Partitions);
        await topics.CreateAsync();
        await using var processor = Start(broker.BootstrapServers);
        topics.Produce(new Random(1), 1_000);
        topics.ReadHoursWhenAllIsCounted();

        await broker.KillAsync();
        await Task.Delay(TimeSpan.FromSeconds(8));
        await broker.StartAsync();
        topics.Produce(new Random(2), 1_000);

        try
        {
            Assert.That(topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(topics.Oracle.Hours));
            Assert.That(processor.Running, "it ended");
        }
        finally
        {
            TestContext.Out.WriteLine(processor.Log);
        }
    }

    private ServiceProcess Start() => Start(_broker.BootstrapServers);

    private ServiceProcess Start(string bootstrap)
    {
        var process = ServiceProcess.Of("processor-service", "ProcessorService", new Dictionary<string, string>
        {
            ["Kafka__BootstrapServers"] = bootstrap,
            ["Kafka__Partitions"] = Partitions.ToString(CultureInfo.InvariantCulture),
            ["HashKey__Value"] = new('0', 64),
            ["Http__Port"] = _port.ToString(CultureInfo.InvariantCulture),
            ["Processor__Engine"] = engine,
            ["Processor__Jobs"] = "analytics",
            ["Processor__HeartbeatInterval"] = "00:00:00.200",
            ["Processor__StreamizFolder"] = _folder.FullName,
            ["State__Directory"] = "",
        });
        process.Start();
        return process;
    }

    private Task EngineIsNamedAsync() => Eventually.HoldsAsync("it names its engine", async () =>
    {
        using var http = new HttpClient();
        return (await http.GetStringAsync(new Uri($"http://127.0.0.1:{_port}/health/ready"))).Contains($"engine {engine}", StringComparison.Ordinal);
    });

    private static string Header(Confluent.Kafka.ConsumeResult<byte[], byte[]> record, string name) =>
        record.Message.Headers.TryGetLastBytes(name, out var value) ? Encoding.UTF8.GetString(value) : "";
}
