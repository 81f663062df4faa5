using Tally.ProcessorService.Engine.Kafka.Wire;

namespace Tally.Tests.Unit.Processor.Fetching;

/// <summary>What a partition remembers of its log, and what it makes of what lies there now.</summary>
public sealed class FetchedPartitionTests
{
    private static readonly BatchMark Nine = new(9, 0xC0FFEE);

    [Test]
    public void It_begins_with_the_batch_before_its_position_and_knows_it_again()
    {
        var partition = At(10);
        Assert.That(partition.AskFrom, Is.EqualTo(9));
        Assert.That(partition.IsSame(Nine));
        Assert.That(partition.AskFrom, Is.EqualTo(10));

        partition.BeginDoubt();
        Assert.That((partition.AskFrom, partition.IsSame(Nine with { Checksum = 1 })), Is.EqualTo((9L, false)));
    }

    [Test]
    public void What_was_read_last_is_what_is_known_again()
    {
        var partition = At(0);
        Assert.That(partition.AskFrom, Is.Zero);
        partition.ReadUpTo(Nine);
        partition.Follow(1);
        Assert.That(partition.Doubt, Is.EqualTo(Doubt.None));

        partition.ForgetLeader(nowMs: 0);
        Assert.That((partition.AskFrom, partition.IsSame(Nine)), Is.EqualTo((9L, true)));
        partition.Follow(2);
        Assert.That(partition.Doubt, Is.EqualTo(Doubt.None), "looked at meanwhile");
        partition.Follow(3);
        Assert.That((partition.AskFrom, partition.IsSame(new BatchMark(8, Nine.Checksum))), Is.EqualTo((9L, false)));
    }

    [Test]
    public void A_batch_that_goes_on_beyond_its_position_is_read_anew()
    {
        var partition = At(5);
        Assert.That(partition.IsSame(Nine));
        partition.BeginDoubt();
        Assert.That(partition.IsSame(Nine), "it has nothing to compare it with");
    }

    [TestCase(10, true)]
    [TestCase(12, true)]
    [TestCase(9, false)]
    [TestCase(0, false)]
    public void What_lies_before_its_position_is_missing_for_its_age_only_where_the_log_begins_behind_it(long logStart, bool isSame)
    {
        var partition = At(10);
        partition.LastIsGone();
        Assert.That((partition.AskFrom, partition.IsSame(logStart)), Is.EqualTo((10L, isSame)));
    }

    [Test]
    public void A_compacted_log_is_not_compared()
    {
        var partition = new FetchedPartition(0, 10, isChecked: false);
        partition.ReadUpTo(Nine);
        partition.BeginDoubt();
        Assert.That((partition.Doubt, partition.AskFrom), Is.EqualTo((Doubt.None, 10L)));
    }

    private static FetchedPartition At(long position) => new(0, position, isChecked: true);
}
