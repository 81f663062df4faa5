using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.Processor;

/// <summary>The engine on local-broker through the real Kafka client.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), Parallelizable(ParallelScope.All)]
public sealed class EngineTests
{
    private const int Partitions = 4;

    private TestBroker _broker = null!;
    private AnalyticsTopics _topics = null!;

    [OneTimeSetUp]
    public static void RequireNativeLibrary()
    {
        if (!NativeKafkaForTests.TryLoad()) Assert.Ignore("librdkafka is not installed.");
    }

    [SetUp]
    public async Task StartBroker()
    {
        _broker = await TestBroker.StartAsync();
        _topics = new AnalyticsTopics(_broker.BootstrapServers, Partitions);
        await _topics.CreateAsync();
    }

    [TearDown]
    public async Task StopBroker() => await _broker.DisposeAsync();

    [Test]
    public async Task Events_with_retries_and_poison_over_several_hours_come_out_exact()
    {
        _topics.Produce(new Random(1), 20_000, poison: 40);
        await using var engine = new RunningEngine(_topics.Kafka);
        var hours = _topics.ReadHoursWhenAllIsCounted();
        await engine.StopAsync();

        var letters = _topics.ReadAll(_topics.Kafka.Topics.DeadLetter);
        Assert.Multiple(() =>
        {
            Assert.That(hours, Is.EqualTo(_topics.Oracle.Hours));
            Assert.That(letters.Select(l => (l.Partition.Value, Header(l, DeadLetterHeaders.Offset))).Distinct().Count(), Is.EqualTo(40));
            Assert.That(letters, Has.Count.EqualTo(40), "each poison record once");
            Assert.That(letters.Select(l => Header(l, DeadLetterHeaders.Reason)), Has.All.EqualTo(DeadLetterReasons.InvalidEvent));
            Assert.That(letters.Select(l => Header(l, DeadLetterHeaders.Partition)), Is.EqualTo(letters.Select(l => l.Partition.Value.ToString(CultureInfo.InvariantCulture))));
            Assert.That(engine.Faults, Is.Zero);
        });
    }

    [Test]
    public async Task An_engine_that_dies_at_any_step_goes_on_exact()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var faults = 4;
        var lock1 = new Lock();
        void Strike(string step)
        {
            lock (lock1)
            {
                if (faults == 0 || random.Next(step == "written" ? 60 : 4) > 0) return;
                faults--;
            }
            throw new CorruptedException($"struck: {step}");
        }
        await using var engine = new RunningEngine(_topics.Kafka, new ProcessorOptions { BacklogCommitRecords = 300 }, step: Strike);
        for (var round = 0; round < 3; round++) _topics.Produce(random, 2_000, poison: 4);
        var hours = _topics.ReadHoursWhenAllIsCounted();
        await engine.StopAsync();
        Assert.Multiple(() =>
        {
            Assert.That(hours, Is.EqualTo(_topics.Oracle.Hours), $"seed {seed}, {engine.Faults} sessions ended early");
            Assert.That(_topics.ReadAll(_topics.Kafka.Topics.DeadLetter), Has.Count.EqualTo(_topics.Poison), $"seed {seed}");
            Assert.That(engine.Faults, Is.GreaterThan(0));
        });
    }

    [Test]
    public async Task Two_instances_share_the_partitions_and_one_takes_over_all_when_the_other_leaves()
    {
        var dynamic = new ProcessorOptions { StaticMembership = false, Instance = "a" };
        await using var first = new RunningEngine(_topics.Kafka, dynamic);
        _topics.Produce(new Random(3), 2_000);
        _topics.ReadHoursWhenAllIsCounted();
        await using var second = new RunningEngine(_topics.Kafka, new ProcessorOptions { StaticMembership = false, Instance = "b" });
        for (var round = 0; round < 5; round++) _topics.Produce(new Random(4 + round), 1_000);
        _topics.ReadHoursWhenAllIsCounted();
        await first.StopAsync();
        _topics.Produce(new Random(9), 2_000);
        Assert.That(_topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(_topics.Oracle.Hours));
    }

    /// <summary>Found by <c>make chaos-pauses</c>: its partitions stood still until its session ran out, here longer than anybody waits.</summary>
    [Test]
    public async Task A_static_member_that_is_told_to_end_hands_its_partitions_over_at_once()
    {
        ProcessorOptions Static(string instance) => new() { Instance = instance, SessionTimeout = 2 * Eventually.Patience };
        await using var first = new RunningEngine(_topics.Kafka, Static("a"));
        _topics.Produce(new Random(3), 2_000);
        _topics.ReadHoursWhenAllIsCounted();
        await using var second = new RunningEngine(_topics.Kafka, Static("b"));
        for (var round = 0; round < 5; round++) _topics.Produce(new Random(4 + round), 1_000);
        _topics.ReadHoursWhenAllIsCounted();
        await first.StopAsync();
        _topics.Produce(new Random(9), 2_000);
        Assert.That(_topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(_topics.Oracle.Hours));
    }

    [Test]
    public async Task Fenced_once_by_a_member_that_goes_away_it_joins_anew_and_counts_on()
    {
        await using var engine = new RunningEngine(_topics.Kafka);
        _topics.Produce(new Random(5), 2_000);
        _topics.ReadHoursWhenAllIsCounted();

        await PassingMember.JoinAsync(_broker.BootstrapServers, new ProcessorOptions().Group, "1", _topics.Kafka.Topics.Events);

        _topics.Produce(new Random(6), 2_000);
        Assert.That(_topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(_topics.Oracle.Hours));
        Assert.That(engine.Faults, Is.Positive);
    }

    [Test]
    public async Task Of_two_processes_with_one_name_one_ends_with_a_sentence_and_the_other_counts()
    {
        await using var first = new RunningEngine(_topics.Kafka);
        _topics.Produce(new Random(7), 2_000);
        _topics.ReadHoursWhenAllIsCounted();

        await using var second = new RunningEngine(_topics.Kafka);

        var ended = await Task.WhenAny(first.Ended, second.Ended).WaitAsync(TimeSpan.FromSeconds(60));
        var refusal = Assert.ThrowsAsync<ConfigurationException>(() => ended);
        _topics.Produce(new Random(8), 2_000);
        Assert.Multiple(() =>
        {
            Assert.That(refusal!.Message, Is.EqualTo("Another process runs with Processor:Instance=1 and has taken over: give every running instance a name of its own."));
            Assert.That(_topics.ReadHoursWhenAllIsCounted(), Is.EqualTo(_topics.Oracle.Hours));
        });
    }

    [Test]
    public async Task An_idle_topic_says_again_and_again_that_its_zeros_are_current()
    {
        var before = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        await using var engine = new RunningEngine(_topics.Kafka, new ProcessorOptions { HeartbeatInterval = TimeSpan.FromMilliseconds(200) });
        var seen = Enumerable.Range(0, Partitions).ToDictionary(p => p, _ => new List<long>());
        _topics.ReadProgress("as-of moves on in every partition", progress =>
        {
            seen[progress.Partition].Add(progress.AsOfMs);
            return seen.Values.All(asOf => asOf.Count >= 3 && asOf[^1] > before);
        });
        Assert.That(seen.Values, Has.All.Ordered);
    }

    [Test]
    public async Task Another_hash_key_another_partition_count_and_a_recreated_topic_are_refused()
    {
        _topics.Produce(new Random(5), 500);
        await using (var engine = new RunningEngine(_topics.Kafka))
        {
            _topics.ReadHoursWhenAllIsCounted();
            await engine.StopAsync();
        }
        await AssertRefused("the hash key changed: every user would count as new", new UserHasher(Enumerable.Repeat((byte)9, 32).ToArray()));

        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _broker.BootstrapServers }).Build();
        await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = _topics.Kafka.Topics.Events, IncreaseTo = 6 }]);
        await AssertRefused("has 6 partitions, but was counted with 4");

        await admin.DeleteTopicsAsync([_topics.Kafka.Topics.Events]);
        await _topics.CreateAsync();
        await AssertRefused("the topic was recreated, or this is another cluster");
    }

    private async Task AssertRefused(string why, UserHasher? hasher = null)
    {
        await using var engine = new RunningEngine(_topics.Kafka, hasher: hasher);
        var refusal = Assert.ThrowsAsync<ConfigurationException>(() => engine.Ended.WaitAsync(Eventually.Promptly));
        Assert.That(refusal!.Message, Does.Contain(why));
    }

    private static string Header(ConsumeResult<byte[], byte[]> record, string name) =>
        Encoding.UTF8.GetString(record.Message.Headers.Single(h => h.Key == name).GetValueBytes());
}
