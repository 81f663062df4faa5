using System.Buffers.Binary;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker.Storage;

public sealed class BatchValidationTests
{
    private const long Now = 10_000_000;
    private static readonly LogConfig Plain = new();
    private static readonly LogConfig Compacted = new() { Compact = true };

    [Test]
    public void A_good_batch_is_taken() => Assert.That(Check(TestBatch.Of("a", "b").Build()), Is.EqualTo(ErrorCode.None));

    [Test]
    public void Damaged_or_incomplete_bytes_are_refused()
    {
        byte[] batch = TestBatch.Of("a").Build();
        Assert.That(Check([]), Is.EqualTo(ErrorCode.InvalidRecord));
        Assert.That(Check(batch[..^1]), Is.EqualTo(ErrorCode.InvalidRecord), "not one whole batch");
        batch[^1] ^= 1;
        Assert.That(Check(batch), Is.EqualTo(ErrorCode.CorruptMessage));
    }

    [Test]
    public void Two_batches_for_one_partition_are_refused() =>
        Assert.That(Check([.. TestBatch.Of("a").Build(), .. TestBatch.Of("b").Build()]), Is.EqualTo(ErrorCode.InvalidRecord));

    [Test]
    public void A_count_that_does_not_match_the_offsets_is_refused()
    {
        Assert.That(Check(Tampered(57, 3)), Is.EqualTo(ErrorCode.InvalidRecord));
        Assert.That(Check(Tampered(57, 0)), Is.EqualTo(ErrorCode.InvalidRecord));
    }

    [Test]
    public void A_control_bit_from_a_client_is_refused()
    {
        byte[] batch = TestBatch.Of("a").Build();
        batch[22] |= 0x20;
        Assert.That(Check(TestBatch.Sealed(batch)), Is.EqualTo(ErrorCode.InvalidRecord));
    }

    [Test]
    public void A_producer_id_without_a_sequence_is_refused() =>
        Assert.That(Check(new TestBatch { ProducerId = 5, Epoch = 0, Sequence = -1 }.Build()), Is.EqualTo(ErrorCode.InvalidRecord));

    [Test]
    public void A_batch_above_the_limit_is_refused_and_one_at_the_limit_is_taken()
    {
        byte[] batch = TestBatch.Of("a").Build();
        Assert.That(Check(batch, Plain with { MessageBytesMax = batch.Length }), Is.EqualTo(ErrorCode.None));
        Assert.That(Check(batch, Plain with { MessageBytesMax = batch.Length - 1 }), Is.EqualTo(ErrorCode.MessageTooLarge));
    }

    [Test]
    public void A_compacted_topic_takes_no_record_without_a_key()
    {
        byte[] batch = new TestBatch { Records = [("a", "1"), (null, "2")] }.Build();
        Assert.That(Check(batch, Compacted), Is.EqualTo(ErrorCode.InvalidRecord));
        Assert.That(Check(batch, Plain), Is.EqualTo(ErrorCode.None));
        Assert.That(Check(new TestBatch { Records = [("a", null)] }.Build(), Compacted), Is.EqualTo(ErrorCode.None), "a tombstone is welcome");
    }

    [Test]
    public void A_timestamp_far_in_the_future_is_refused()
    {
        Assert.That(Check(new TestBatch { Timestamp = Now + 3_600_000 }.Build()), Is.EqualTo(ErrorCode.None));
        Assert.That(Check(new TestBatch { Timestamp = Now + 3_600_001 }.Build()), Is.EqualTo(ErrorCode.InvalidTimestamp));
        Assert.That(Check(new TestBatch { Timestamp = 0 }.Build()), Is.EqualTo(ErrorCode.None), "1970 is as good as any time");
    }

    [Test]
    public void A_limit_on_the_past_counts_for_every_record()
    {
        LogConfig limited = Plain with { TimestampBeforeMaxMs = 1000 };
        Assert.That(Check(new TestBatch { Records = [("a", "1"), ("b", "2")], Timestamp = Now - 1000 }.Build(), limited), Is.EqualTo(ErrorCode.None));
        Assert.That(Check(new TestBatch { Records = [("a", "1"), ("b", "2")], Timestamp = Now - 1001 }.Build(), limited), Is.EqualTo(ErrorCode.InvalidTimestamp));
    }

    [Test]
    public void Offsets_are_not_the_clients_to_give() => Assert.That(Check(Tampered(4, 500)), Is.EqualTo(ErrorCode.InvalidRecord));

    [Test]
    public void Zstandard_needs_a_client_that_may_use_it()
    {
        byte[] batch = TestBatch.Of("a").Build();
        batch[22] |= 4;
        TestBatch.Sealed(batch);
        Assert.That(BatchValidation.Check(batch, 6, Plain, Now, out _).Error, Is.EqualTo(ErrorCode.UnsupportedCompressionType));
        Assert.That(BatchValidation.Check(batch, 7, Plain, Now, out _).Error, Is.EqualTo(ErrorCode.None));
    }

    private static byte[] Tampered(int offset, int value)
    {
        byte[] batch = TestBatch.Of("a", "b").Build();
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(offset), value);
        return TestBatch.Sealed(batch);
    }

    private static ErrorCode Check(byte[] batch, LogConfig? config = null) => BatchValidation.Check(batch, 7, config ?? Plain, Now, out _).Error;
}
