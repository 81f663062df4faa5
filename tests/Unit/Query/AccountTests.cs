using System.Text.Json;
using Tally.QueryService.Accounting;
using Tally.Shared.Contracts;

namespace Tally.Tests.Unit.Query;

/// <summary>The account adds up, and names what stands where.</summary>
public sealed class AccountTests
{
    private const long NowMs = 1_763_712_000_000;

    [Test]
    public void Outcomes_are_summed_over_partitions_and_add_up_to_what_was_read()
    {
        var json = Report(
            new SourceRecords("redis", [Record(0, 10, 100, counted: 5, duplicate: 2, dead: 1), Record(1, 7, 300, counted: 6, duplicate: 1, dead: 0)]),
            new SourceRecords("archive", [Record(0, 8, 1500, counted: 4, duplicate: 2, dead: 0), Record(1, 9, 1200, counted: 7, duplicate: 2, dead: 0)]));
        var outcomes = json.GetProperty("outcomes");

        Assert.Multiple(() =>
        {
            // Partition 0 is further in Redis, partition 1 in the archive.
            Assert.That(outcomes.GetProperty("counted").GetInt64(), Is.EqualTo(12));
            Assert.That(outcomes.GetProperty("duplicate").GetInt64(), Is.EqualTo(4));
            Assert.That(outcomes.GetProperty("dead_lettered").GetProperty(DeadLetterReasons.InvalidEvent).GetInt64(), Is.EqualTo(1));
            Assert.That(outcomes.GetProperty("read").GetInt64(), Is.EqualTo(12 + 4 + 1));
            Assert.That(json.GetProperty("since").GetDateTimeOffset().ToUnixTimeMilliseconds(), Is.EqualTo(NowMs - 60_000));
            Assert.That(json.GetProperty("partitions").EnumerateArray().Select(p => p.GetProperty("next_offset").GetInt64()), Is.EqualTo(new[] { 10, 9 }));
            Assert.That(Source(json, "redis").GetProperty("oldest_not_visible_ms").GetInt64(), Is.EqualTo(300));
            Assert.That(Source(json, "archive").GetProperty("oldest_not_visible_ms").GetInt64(), Is.EqualTo(1500));
            Assert.That(Source(json, "archive").GetProperty("read").GetInt64(), Is.EqualTo(15));
        });
    }

    [Test]
    public void What_was_aged_out_is_an_outcome_of_its_own()
    {
        var record = Record(0, 20, 0, counted: 12, duplicate: 0, dead: 1);
        record.Counters[CounterNames.AgedOut] = 7;
        var outcomes = Report(new SourceRecords("processor", [record])).GetProperty("outcomes");
        Assert.That((outcomes.GetProperty("aged_out").GetInt64(), outcomes.GetProperty("read").GetInt64()), Is.EqualTo((7, 20)));
    }

    [Test]
    public void A_source_that_is_away_is_named()
    {
        var json = Report(new SourceRecords("redis", null), new SourceRecords("archive", [Record(0, 8, 10, 1, 0, 0), Record(1, 8, 10, 1, 0, 0)]));

        Assert.Multiple(() =>
        {
            Assert.That(Source(json, "redis").GetProperty("answers").GetBoolean(), Is.False);
            Assert.That(Source(json, "redis").GetProperty("oldest_not_visible_ms").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(json.GetProperty("outcomes").GetProperty("read").GetInt64(), Is.EqualTo(2));
        });
    }

    [Test]
    public void While_a_partition_has_not_reported_nothing_is_said_of_age()
    {
        var json = Report(new SourceRecords("redis", [Record(0, 8, 10, 1, 0, 0)]));

        Assert.That(Source(json, "redis").GetProperty("complete").GetBoolean(), Is.False);
        Assert.That(Source(json, "redis").GetProperty("oldest_not_visible_ms").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public void Before_the_first_record_all_is_zero()
    {
        var json = Report(new SourceRecords("redis", []));

        Assert.That(json.GetProperty("outcomes").GetProperty("read").GetInt64(), Is.Zero);
        Assert.That(json.GetProperty("since").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    private static JsonElement Report(params SourceRecords[] sources) =>
        JsonDocument.Parse(AccountReport.Write([new Account("analytics", sources)], NowMs)).RootElement.GetProperty("jobs")[0];

    private static JsonElement Source(JsonElement job, string name) =>
        job.GetProperty("sources").EnumerateArray().Single(s => s.GetProperty("source").GetString() == name);

    private static Progress Record(int partition, long nextOffset, long age, long counted, long duplicate, long dead)
    {
        var record = new Progress
        {
            Generation = 1,
            Partition = partition,
            NextOffset = nextOffset,
            AsOfMs = NowMs - age,
            SinceMs = NowMs - 60_000 + partition,
            PartitionCount = 2,
            Outcomes = new Outcomes { Counted = counted, Duplicate = duplicate },
        };
        if (dead > 0) record.Outcomes.DeadLettered[DeadLetterReasons.InvalidEvent] = dead;
        return record;
    }
}
