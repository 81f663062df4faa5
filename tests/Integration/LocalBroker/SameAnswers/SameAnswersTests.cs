using Tally.Tests.Support;
using Tally.Tests.Support.LocalBroker;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>
/// The same requests to Apache Kafka and to local-broker, answer by answer. What differs on purpose stands in local-broker/README.md; a difference that
/// does not, and a row there that no longer holds, fail.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class SameAnswersTests
{
    private static readonly Dictionary<string, Func<Conversation, Task>> Scenarios = new()
    {
        ["sequences"] = RecordScenarios.Sequences,
        ["producer ids"] = RecordScenarios.Initialisation,
        ["corrupt batches"] = RecordScenarios.CorruptBatches,
        ["codecs"] = RecordScenarios.Codecs,
        ["sizes and times"] = RecordScenarios.SizesAndTimes,
        ["compacted topics"] = RecordScenarios.CompactedTopics,
        ["append time"] = RecordScenarios.AppendTime,
        ["addresses"] = RecordScenarios.ProduceAddresses,
        ["places"] = FetchScenarios.Places,
        ["fetch limits"] = FetchScenarios.Limits,
        ["waking"] = FetchScenarios.Waking,
        ["offsets by time"] = FetchScenarios.OffsetsByTime,
        ["deleted records"] = FetchScenarios.DeletedRecords,
        ["transactions"] = TransactionScenarios.LifeCycle,
        ["strangers"] = TransactionScenarios.Strangers,
        ["fencing"] = TransactionScenarios.Fencing,
        ["time-out"] = TransactionScenarios.TimeOut,
        ["aborted ranges"] = TransactionScenarios.AbortedRanges,
        ["staged offsets"] = TransactionScenarios.Offsets,
        ["inspection"] = TransactionScenarios.Inspection,
        ["membership"] = GroupScenarios.Membership,
        ["rebalance"] = GroupScenarios.Rebalance,
        ["group limits"] = GroupScenarios.Limits,
        ["static members"] = GroupScenarios.StaticMembers,
        ["offsets"] = GroupScenarios.Offsets,
        ["offsets of a deleted topic"] = GroupScenarios.OffsetsOfDeletedTopics,
        ["creating topics"] = TopicScenarios.Creating,
        ["changing topics"] = TopicScenarios.Changing,
        ["metadata"] = TopicScenarios.Metadata,
        ["configurations"] = TopicScenarios.Configurations,
        ["versions"] = TopicScenarios.Versions,
    };

    private static RealKafka? _kafka;
    private static TestBroker? _broker;

    private static IEnumerable<string> Names => Scenarios.Keys;

    [OneTimeSetUp]
    public static async Task StartBoth()
    {
        if (RealKafka.Reason() is { } reason)
            Assert.Ignore(reason);
        _kafka = new RealKafka(FreePort.NextWith(1), "transaction.abort.timed.out.transaction.cleanup.interval.ms=300");
        _kafka.Start();
        // The scenarios' records are years old: retention, which Kafka begins minutes later, must not come in between.
        _broker = await TestBroker.StartAsync(o => o with { MaintenanceInterval = TimeSpan.FromHours(1) });
        // Kafka makes the topics of its coordinators when they are first asked for.
        using var warm = new Conversation(_kafka.Bootstrap);
        await warm.FindCoordinatorAsync("warm", 0);
        await warm.FindCoordinatorAsync("warm", 1);
        await warm.InitProducerAsync("warm");
        await warm.JoinAsync("warm");
    }

    [OneTimeTearDown]
    public static async Task StopBoth()
    {
        if (_kafka is not null)
            await _kafka.DisposeAsync();
        if (_broker is not null)
            await _broker.DisposeAsync();
    }

    [TestCaseSource(nameof(Names))]
    public async Task Every_answer_is_Kafkas(string scenario)
    {
        using var kafka = new Conversation(_kafka!.Bootstrap);
        using var here = new Conversation(_broker!.BootstrapServers);
        await Task.WhenAll(HoldAsync(scenario, kafka), HoldAsync(scenario, here));
        Assert.That(here.Transcript.Select(t => t.Step), Is.EqualTo(kafka.Transcript.Select(t => t.Step)).And.Unique, string.Join('\n', kafka.Transcript[^3..]) + "\n" + string.Join('\n', here.Transcript[^3..]));
        Dictionary<(string, string), (string, string)> known = KnownDifferences.Read();
        var wrong = new List<string>();
        foreach (((string step, string expected), (_, string answer)) in kafka.Transcript.Zip(here.Transcript))
        {
            (string, string)? meant = known.TryGetValue((scenario, step), out (string, string) row) ? row : null;
            if (meant is null ? expected != answer : meant != (expected, answer))
                wrong.Add($"| {scenario}: {step} | `{expected}` | `{answer}` |");
        }

        if (wrong.Count > 0)
            Assert.Fail("Answers that differ and are not in local-broker/README.md, or not as it says:\n" + string.Join('\n', wrong));
    }

    // What ends one side's talk early is an answer too, to be compared with the other's.
    private static async Task HoldAsync(string scenario, Conversation conversation)
    {
        try
        {
            await Scenarios[scenario](conversation);
        }
        catch (Exception e)
        {
            conversation.Note("ended by", e);
        }
    }

    [Test]
    public void Every_listed_difference_belongs_to_a_scenario() =>
        Assert.That(KnownDifferences.Read().Keys.Select(k => k.Scenario).Except(Scenarios.Keys), Is.Empty);

    [Test]
    public async Task Nothing_is_offered_that_Kafka_does_not_offer_and_every_minimum_is_Kafkas()
    {
        using var kafka = new Conversation(_kafka!.Bootstrap);
        using var here = new Conversation(_broker!.BootstrapServers);
        Dictionary<int, (int Min, int Max)> theirs = (await kafka.ApiVersionsAsync(3))!.Value.Ranges, ours = (await here.ApiVersionsAsync(3))!.Value.Ranges;
        Assert.That(ours.Where(o => !theirs.TryGetValue(o.Key, out (int Min, int Max) t) || o.Value.Min != t.Min || o.Value.Max > t.Max), Is.Empty);
    }
}
