using Tally.LocalBroker.Protocol;

namespace Tally.Tests.Unit.LocalBroker.Storage;

/// <summary>The answers measured at Kafka 4.3.1: six batches of two records each, sequences 0 to 11, offsets 0 to 11.</summary>
public sealed class ProducerTableTests : IAsyncDisposable
{
    private TestLog _log = null!;

    [SetUp]
    public void SixBatches()
    {
        _log = new TestLog();
        for (int i = 0; i < 6; i++)
            Assert.That(_log.Append(Batch(i * 2)).BaseOffset, Is.EqualTo(i * 2));
    }

    [TearDown]
    public async ValueTask DisposeAsync() => await _log.DisposeAsync();

    [TestCase(2, 2, 0, 2, Description = "the oldest of the last five again: the old offset")]
    [TestCase(10, 2, 0, 10, Description = "the newest again")]
    [TestCase(12, 2, 0, 12, Description = "the next")]
    [TestCase(0, 2, 45, -1, Description = "the sixth back is too old to be known")]
    [TestCase(10, 3, 45, -1, Description = "same first, other last sequence")]
    [TestCase(13, 2, 45, -1, Description = "a gap")]
    public void A_batch_of_the_known_epoch_is_judged_by_its_sequence(int sequence, int records, short error, long offset)
    {
        var result = _log.Append(Batch(sequence, records: records));
        Assert.That(((short)result.Error, result.BaseOffset), Is.EqualTo((error, offset)));
        Assert.That(_log.Log.EndOffset, Is.EqualTo(sequence == 12 ? 14 : 12), "a repetition or a refusal appends nothing");
    }

    [TestCase(false)]
    [TestCase(true)]
    public void The_same_is_known_after_kill_9(bool withCheckpoint)
    {
        _log.Reopen(clean: withCheckpoint);
        Assert.That(_log.Append(Batch(10)).BaseOffset, Is.EqualTo(10));
        Assert.That(_log.Append(Batch(0)).Error, Is.EqualTo(ErrorCode.OutOfOrderSequenceNumber));
        Assert.That(_log.Append(Batch(12)).BaseOffset, Is.EqualTo(12));
    }

    [Test]
    public void A_new_epoch_starts_at_zero_and_ends_the_old_one()
    {
        Assert.That(_log.Append(Batch(5, epoch: 1)).Error, Is.EqualTo(ErrorCode.OutOfOrderSequenceNumber));
        Assert.That(_log.Append(Batch(0, epoch: 1)).BaseOffset, Is.EqualTo(12));
        Assert.That(_log.Append(Batch(12)).Error, Is.EqualTo(ErrorCode.InvalidProducerEpoch));
    }

    [Test]
    public void A_producer_never_seen_may_start_anywhere()
    {
        Assert.That(_log.Append(Batch(7, producer: 99)).Error, Is.EqualTo(ErrorCode.None));
        Assert.That(_log.Append(Batch(8, producer: 99)).Error, Is.EqualTo(ErrorCode.OutOfOrderSequenceNumber));
        Assert.That(_log.Append(Batch(9, producer: 99)).Error, Is.EqualTo(ErrorCode.None));
    }

    [Test]
    public void Sequences_wrap_from_the_largest_int_to_zero()
    {
        Assert.That(_log.Append(Batch(int.MaxValue - 1, producer: 99)).Error, Is.EqualTo(ErrorCode.None));
        Assert.That(_log.Append(Batch(1, producer: 99)).Error, Is.EqualTo(ErrorCode.OutOfOrderSequenceNumber));
        Assert.That(_log.Append(Batch(0, producer: 99)).Error, Is.EqualTo(ErrorCode.None));
        Assert.That(_log.Append(Batch(int.MaxValue - 1, producer: 98, records: 4)).Error, Is.EqualTo(ErrorCode.None));
        Assert.That(_log.Append(Batch(2, producer: 98)).Error, Is.EqualTo(ErrorCode.None), "a batch may wrap in its middle");
    }

    [Test]
    public void An_open_transaction_takes_no_plain_batch_of_its_producer()
    {
        Assert.That(_log.Append(Batch(0, producer: 7) with { Transactional = true }).Error, Is.EqualTo(ErrorCode.None));
        Assert.That(_log.Append(Batch(2, producer: 7)).Error, Is.EqualTo(ErrorCode.InvalidTxnState));
        _log.Log.AppendMarker(7, 0, commit: true);
        Assert.That(_log.Append(Batch(2, producer: 7)).Error, Is.EqualTo(ErrorCode.None), "sequences go on over a commit");
    }

    [Test]
    public async Task The_same_batch_twice_at_once_is_stored_once()
    {
        for (int i = 0; i < 50; i++)
        {
            int sequence = 12 + (i * 2);
            AppendResults results = await AppendResults.OfBoth(() => _log.Append(Batch(sequence)).BaseOffset);
            Assert.That(results, Is.EqualTo(new AppendResults(sequence, sequence)));
        }

        Assert.That(_log.Log.EndOffset, Is.EqualTo(112));
    }

    [Test]
    public void An_idle_producer_is_forgotten_unless_its_transaction_is_open()
    {
        _log.Append(Batch(0, producer: 7) with { Transactional = true });
        _log.Time.Advance(TimeSpan.FromDays(2));
        _log.Log.ApplyRetention(idleBefore: _log.Time.GetUtcNow().AddDays(-1).ToUnixTimeMilliseconds());
        Assert.That(_log.Append(Batch(40)).Error, Is.EqualTo(ErrorCode.None), "forgotten, so any sequence will do");
        Assert.That(_log.Append(Batch(40, producer: 7) with { Transactional = true }).Error, Is.EqualTo(ErrorCode.OutOfOrderSequenceNumber));
    }

    private static TestBatch Batch(int sequence, short epoch = 0, long producer = 5, int records = 2) => new()
    {
        ProducerId = producer,
        Epoch = epoch,
        Sequence = sequence,
        Records = [.. Enumerable.Range(0, records).Select(i => ((string?)$"k{i}", (string?)"v"))],
    };

    private sealed record AppendResults(long First, long Second)
    {
        public static async Task<AppendResults> OfBoth(Func<long> append)
        {
            Task<long> first = Task.Run(append), second = Task.Run(append);
            return new AppendResults(await first, await second);
        }
    }
}
