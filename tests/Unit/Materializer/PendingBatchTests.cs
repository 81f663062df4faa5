using Tally.MaterializerService.Feed;
using Tally.MaterializerService.Sinks;
using Tally.Shared.Contracts;
using Tally.Shared.ReadModel;

namespace Tally.Tests.Unit.Materializer;

public sealed class PendingBatchTests
{
    private const string Topic = "analytics.hours";

    private PendingBatch<HourPartial> _batch = null!;

    [SetUp]
    public void Follow()
    {
        _batch = new PendingBatch<HourPartial>(new HourPartialKind(), Topic, 4);
        _batch.Follow(0, 10);
    }

    [Test]
    public void The_newest_of_a_key_stays_and_the_range_covers_all_that_was_read()
    {
        Take(0, 10, Partial(0, 5, clicks: 1));
        Take(0, 12, Partial(0, 6, clicks: 2));
        Take(0, 13, new Progress { Partition = 0, Generation = 1, NextOffset = 6 });

        var batch = _batch.Build();

        Assert.Multiple(() =>
        {
            Assert.That(batch.Ranges, Is.EqualTo([new ReadRange(0, 10, 14)]));
            Assert.That(batch.Partials.Select(p => p.Clicks), Is.EqualTo([2]));
            Assert.That(batch.Progress.Select(p => p.NextOffset), Is.EqualTo([6]));
        });
    }

    [Test]
    public void A_partition_that_is_not_followed_is_not_taken() =>
        Assert.That(_batch.Take(Record(3, 0), new PartialRecord<HourPartial>(Partial(3, 1, 1), null)), Is.False);

    [Test]
    public void A_record_below_what_was_read_is_not_taken()
    {
        Take(0, 10, Partial(0, 5, clicks: 1));

        Assert.That(_batch.Take(Record(0, 10), new PartialRecord<HourPartial>(Partial(0, 5, 1), null)), Is.False);
    }

    [Test]
    public void After_a_write_the_range_goes_on_where_it_ended()
    {
        Take(0, 17, Partial(0, 5, clicks: 1));
        _batch.Written();
        Take(0, 20, Partial(0, 6, clicks: 2));

        Assert.That(_batch.Build().Ranges, Is.EqualTo([new ReadRange(0, 18, 21)]));
    }

    [Test]
    public void A_partition_without_records_has_no_range()
    {
        _batch.Follow(1, 0);
        Take(0, 10, Partial(0, 5, clicks: 1));

        Assert.That(_batch.Build().Ranges.Select(r => r.Partition), Is.EqualTo([0]));
    }

    [Test]
    public void Forgetting_a_partition_drops_what_it_brought_and_nothing_else()
    {
        _batch.Follow(1, 0);
        Take(0, 10, Partial(0, 5, clicks: 1));
        Take(1, 0, Partial(1, 7, clicks: 3));
        _batch.Forget(0);

        Assert.Multiple(() =>
        {
            Assert.That(_batch.Build().Partials.Select(p => p.Clicks), Is.EqualTo([3]));
            Assert.That(_batch.Records, Is.EqualTo(1));
            Assert.That(_batch.Follows(0), Is.False);
        });
    }

    [Test]
    public void It_is_full_at_its_bound_even_when_all_records_have_one_key()
    {
        for (var offset = 10; offset < 14; offset++) Take(0, offset, Partial(0, offset, clicks: offset));

        Assert.That(_batch.IsFull, Is.True);
    }

    [Test]
    public void A_tombstone_moves_the_range_and_nothing_else()
    {
        _batch.Take(Record(0, 10), default);

        Assert.Multiple(() =>
        {
            Assert.That(_batch.Build().Ranges, Is.EqualTo([new ReadRange(0, 10, 11)]));
            Assert.That(_batch.Build().Partials, Is.Empty);
        });
    }

    private static FeedRecord Record(int partition, long offset) => new(partition, offset, null, null, null);

    private static HourPartial Partial(int partition, long nextOffset, long clicks) =>
        new() { Hour = 1, Partition = partition, Generation = 1, NextOffset = nextOffset, Clicks = clicks };

    private void Take(int partition, long offset, HourPartial partial) =>
        Assert.That(_batch.Take(Record(partition, offset), new PartialRecord<HourPartial>(partial, null)), Is.True);

    private void Take(int partition, long offset, Progress progress) =>
        Assert.That(_batch.Take(Record(partition, offset), new PartialRecord<HourPartial>(null, progress)), Is.True);
}
