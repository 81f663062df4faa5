using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.ReadModel;

public sealed class SourceReadPositionTests
{
    [Test]
    public void A_source_has_read_as_far_only_when_it_has_in_every_partition()
    {
        var redis = Of((0, 10), (1, 20));

        Assert.Multiple(() =>
        {
            Assert.That(Of((0, 10), (1, 20)).HasRead(redis), Is.True);
            Assert.That(Of((0, 11), (1, 19)).HasRead(redis), Is.False);
            Assert.That(Of((1, 20)).HasRead(redis), Is.False);
            Assert.That(Of().HasRead(Of()), Is.True);
            Assert.That(redis.HasRead(Of()), Is.True);
        });
    }

    [Test]
    public void A_partition_has_begun_with_its_first_progress_record()
    {
        Assert.Multiple(() =>
        {
            Assert.That(new SourceProgress(0, []).Complete, Is.False);
            Assert.That(new SourceProgress(1, [new PartitionProgress(1, 0, 0, 0, 7)]).Complete, Is.False);
            Assert.That(new SourceProgress(1, [new PartitionProgress(1, 0, 0, 5, 7)]).Complete, Is.True);
        });
    }

    private static SourceProgress Of(params (int Partition, long Position)[] read) =>
        new(2, read.Select(r => new PartitionProgress(1, r.Partition, 0, 1, r.Position)));
}
