using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.Tests.Unit.Processor;

public sealed class StartChecksTests
{
    private static Progress Known(long nextOffset = 50) => new()
    {
        Generation = 3,
        PartitionCount = 8,
        Partitioner = "murmur2_random",
        NextOffset = nextOffset,
        InputTopic = "events",
    };

    [Test]
    public void A_fresh_partition_starts_at_zero() => Assert.That(Start(null, null), Is.Zero);

    [Test]
    public void An_offset_of_zero_without_state_is_a_fresh_start() => Assert.That(Start(0, null), Is.Zero);

    [Test]
    public void Group_and_changelog_agree() => Assert.That(Start(50, Known()), Is.EqualTo(50));

    [Test]
    public void A_missing_group_offset_is_taken_from_the_changelog() => Assert.That(Start(null, Known()), Is.EqualTo(50));

    [Test]
    public void At_the_end_and_at_the_beginning_of_the_log_it_may_start() => Assert.Multiple(() =>
    {
        Assert.That(Start(100, Known(100)), Is.EqualTo(100));
        Assert.That(Start(20, Known(20), low: 20), Is.EqualTo(20));
    });

    [TestCase(49, 50, 0, 100, "is 49, its changelog says 50")]
    [TestCase(51, 50, 0, 100, "is 51, its changelog says 50")]
    [TestCase(null, 101, 0, 100, "the topic was recreated, or this is another cluster")]
    [TestCase(null, 19, 20, 100, "1 events were removed before they were counted; set Processor:AcceptLostEvents=true")]
    public void It_refuses(int? committed, int known, int low, int high, string why) =>
        Assert.That(() => Start(committed, Known(known), low, high), Throws.TypeOf<ConfigurationException>().With.Message.Contains(why));

    [Test]
    public void It_refuses_an_offset_without_state() =>
        Assert.That(() => Start(50, null), Throws.TypeOf<ConfigurationException>().With.Message.Contains("holds no state"));

    [Test]
    public void It_refuses_a_fresh_start_after_events_were_removed() =>
        Assert.That(() => Start(null, null, low: 7), Throws.TypeOf<ConfigurationException>().With.Message.Contains("7 events were removed"));

    [Test]
    public void A_person_may_accept_that_events_are_lost() => Assert.Multiple(() =>
    {
        Assert.That(Start(null, null, low: 7, accept: true), Is.EqualTo(7));
        Assert.That(Start(5, Known(5), low: 7, accept: true), Is.EqualTo(7));
        Assert.That(Start(50, Known(), low: 7, accept: true), Is.EqualTo(50));
    });

    [TestCase(4, 8, "murmur2_random", "generation 4")]
    [TestCase(2, 8, "murmur2_random", "generation 2")]
    [TestCase(3, 4, "murmur2_random", "was counted with 4")]
    [TestCase(3, 8, "consistent", "partitioner consistent")]
    public void It_refuses_what_was_counted_otherwise(int generation, int partitions, string partitioner, string why)
    {
        var progress = Known();
        (progress.Generation, progress.PartitionCount, progress.Partitioner) = (generation, partitions, partitioner);
        Assert.That(() => Start(50, progress), Throws.TypeOf<ConfigurationException>().With.Message.Contains(why));
    }

    private static long Start(long? committed, Progress? progress, long low = 0, long high = 100, bool accept = false) =>
        StartChecks.StartOffset(new StartChecks.Facts("events", 5, 8, 3, new LogEnds(low, high), committed, progress, "changelog"), accept);
}
