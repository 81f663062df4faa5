using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker.Storage;

public sealed class PartitionLogTests
{
    [Test]
    public async Task A_fetch_into_the_middle_of_a_batch_returns_the_whole_batch()
    {
        await using var log = new TestLog();
        log.Append(TestBatch.Of("a", "b", "c"));
        log.Append(TestBatch.Of("d"));
        using var writer = new WireWriter();
        log.Log.Read(log.Log.Plan(1, 10_000, false), true, writer);
        Assert.That(TestBatch.Parse(writer.Written.Span).Select(r => r.Key), Is.EqualTo(new[] { "a", "b", "c", "d" }));
    }

    [Test]
    public async Task The_first_batch_is_returned_even_when_larger_than_asked_for()
    {
        await using var log = new TestLog();
        log.Append(TestBatch.Of("a", "b", "c"));
        log.Append(TestBatch.Of("d"));
        foreach (int bytes in new[] { 0, 1, 61, 70 })
        {
            using var writer = new WireWriter();
            log.Log.Read(log.Log.Plan(0, bytes, false), atLeastOne: true, writer);
            Assert.That(TestBatch.Parse(writer.Written.Span), Has.Count.EqualTo(3), $"{bytes} bytes asked for");
            using var second = new WireWriter();
            Assert.That(log.Log.Read(log.Log.Plan(0, bytes, false), atLeastOne: false, second).Bytes, Is.Zero);
        }
    }

    [Test]
    public async Task Everything_is_read_back_over_segments_from_any_offset()
    {
        await using var log = new TestLog(new LogConfig { SegmentBytes = 2000 });
        for (int i = 0; i < 300; i++)
            log.Append(TestBatch.Of([.. Enumerable.Range(0, 1 + (i % 4)).Select(j => $"{i}.{j}")]));
        Assert.That(Directory.GetFiles(log.Folder, "*.log"), Has.Length.GreaterThan(5));
        long end = log.Log.EndOffset;
        for (long offset = 0; offset < end; offset += 7)
        {
            List<(long Offset, string? Key, string? Value)> read = log.Read(offset, bytesMax: 500);
            Assert.That(read.Select(r => r.Offset), Is.EqualTo(Enumerable.Range((int)offset, (int)(end - offset)).Select(o => (long)o)));
        }

        log.Reopen();
        Assert.That(log.Read(), Has.Count.EqualTo(end));
    }

    [Test]
    public async Task Offsets_outside_the_log_are_out_of_range()
    {
        await using var log = new TestLog();
        log.Append(TestBatch.Of("a", "b"));
        Assert.That(log.Log.Plan(2, 1, false).Error, Is.EqualTo(ErrorCode.None), "the end is where the next record will be");
        Assert.That(log.Log.Plan(3, 1, false).Error, Is.EqualTo(ErrorCode.OffsetOutOfRange));
        log.Log.DeleteBefore(1);
        Assert.That(log.Log.Plan(0, 1, false).Error, Is.EqualTo(ErrorCode.OffsetOutOfRange));
    }

    [Test]
    public async Task Deleting_all_records_leaves_the_offsets_going_on_also_after_a_restart()
    {
        await using var log = new TestLog();
        log.Append(TestBatch.Of("a", "b"));
        Assert.That(log.Log.DeleteBefore(-1), Is.EqualTo((ErrorCode.None, 2L)));
        Assert.That(log.Log.DeleteBefore(3).Error, Is.EqualTo(ErrorCode.OffsetOutOfRange));
        log.Reopen();
        Assert.That(log.Log.Offsets.Start, Is.EqualTo(2));
        Assert.That(log.Append(TestBatch.Of("c")).BaseOffset, Is.EqualTo(2));
        Assert.That(log.Read(2).Single().Key, Is.EqualTo("c"));
    }

    [Test]
    public async Task Committed_readers_stop_at_the_oldest_open_transaction()
    {
        await using var log = new TestLog();
        TestBatch Txn(long producer, int sequence) => new() { ProducerId = producer, Epoch = 0, Sequence = sequence, Transactional = true, Records = [($"p{producer}", "v")] };
        log.Append(TestBatch.Of("before"));
        log.Append(Txn(1, 0));
        log.Append(Txn(2, 0));
        log.Append(TestBatch.Of("between"));
        Assert.That(log.Log.Offsets.LastStable, Is.EqualTo(1));
        log.Log.AppendMarker(2, 0, commit: true);
        Assert.That(log.Log.Offsets.LastStable, Is.EqualTo(1), "the older one is still open");
        Assert.That(log.Read(committedOnly: true).Select(r => r.Key), Is.EqualTo(new[] { "before" }));
        log.Log.AppendMarker(1, 0, commit: false);
        Assert.That(log.Log.Offsets.LastStable, Is.EqualTo(6));
        Assert.That(log.Log.Plan(0, 10_000, true).Aborted!.Select(a => (a.ProducerId, a.FirstOffset)), Is.EqualTo(new[] { (1L, 1L) }));
    }

    [Test]
    public async Task Aborted_transactions_are_listed_by_their_first_offset()
    {
        await using var log = new TestLog();
        for (long producer = 1; producer <= 3; producer++)
            log.Append(new TestBatch { ProducerId = producer, Epoch = 0, Sequence = 0, Transactional = true });
        foreach (long producer in new[] { 3, 1, 2 })
            log.Log.AppendMarker(producer, 0, commit: false);
        Assert.That(log.Log.Plan(0, 10_000, true).Aborted!.Select(a => a.ProducerId), Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(log.Log.Plan(4, 10_000, true).Aborted!.Select(a => a.ProducerId), Is.EqualTo(new[] { 1, 2 }), "3 ended before");
    }

    [Test]
    public async Task The_end_of_a_closed_segment_is_told_from_the_end_of_the_log()
    {
        await using var log = new TestLog(new LogConfig { SegmentBytes = 300 });
        for (int i = 0; i < 10; i++)
            log.Append(TestBatch.Of($"{i}"));
        long last = log.Log.EndOffset - 1;
        Assert.That(log.Log.Plan(0, 10_000, false), Has.Property("GoesOn").True.And.Property("Available").LessThan(301));
        Assert.That((log.Log.Plan(last, 10_000, false).GoesOn, log.Log.Plan(last + 1, 10_000, false).GoesOn), Is.EqualTo((false, false)));
    }

    [Test]
    public async Task Every_aborted_transaction_of_which_a_fetch_returns_records_is_listed([Values(0, 1, 9000, 20_000)] int bytes)
    {
        await using var log = new TestLog();
        for (int sequence = 0; log.Log.SizeBytes < 50_000; sequence++)
        {
            log.Append(new TestBatch { ProducerId = sequence, Epoch = 0, Sequence = 0, Transactional = true });
            log.Log.AppendMarker(sequence, 0, commit: false);
        }

        for (long offset = 0; offset < log.Log.EndOffset; offset += 14)
        {
            using var writer = new WireWriter();
            ReadPlan plan = log.Log.Plan(offset, bytes, committedOnly: true);
            log.Log.Read(plan, atLeastOne: true, writer);
            Assert.That(TestBatch.Parse(writer.Written.Span).Select(r => r.Offset).Where(o => o >= offset), Is.SubsetOf(plan.Aborted!.Select(a => a.FirstOffset)), $"from offset {offset}");
        }
    }

    [Test]
    public async Task Retention_by_time_drops_whole_old_segments()
    {
        await using var log = new TestLog(new LogConfig { SegmentBytes = 300, RetentionMs = 1000 });
        long now = log.Time.GetUtcNow().ToUnixTimeMilliseconds();
        for (int i = 0; i < 10; i++)
            log.Append(TestBatch.Of($"{i}") with { Timestamp = now + (i * 100) });
        log.Time.Advance(TimeSpan.FromMilliseconds(1500));
        log.Log.ApplyRetention(0);
        long start = log.Log.Offsets.Start;
        Assert.That(start, Is.InRange(1, 5));
        Assert.That(log.Read(start).Select(r => r.Offset).First(), Is.EqualTo(start));
        log.Time.Advance(TimeSpan.FromDays(1));
        log.Log.ApplyRetention(0);
        log.Reopen();
        Assert.That((log.Log.Offsets.Start, log.Log.EndOffset), Is.EqualTo((10L, 10L)), "an idle log ends up empty and keeps its end");
    }

    [Test]
    public async Task Retention_by_size_keeps_at_least_what_it_promises()
    {
        await using var log = new TestLog(new LogConfig { SegmentBytes = 300, RetentionMs = -1, RetentionBytes = 900 });
        for (int i = 0; i < 40; i++)
            log.Append(TestBatch.Of($"{i}"));
        log.Log.ApplyRetention(0);
        Assert.That(log.Log.SizeBytes, Is.InRange(900, 1300));
        Assert.That(log.Read(log.Log.Offsets.Start)[^1].Key, Is.EqualTo("39"));
    }

    [Test]
    public async Task Retention_never_takes_what_an_open_transaction_holds()
    {
        await using var log = new TestLog(new LogConfig { SegmentBytes = 200, RetentionMs = 1000 });
        log.Append(new TestBatch { ProducerId = 1, Epoch = 0, Sequence = 0, Transactional = true });
        for (int i = 0; i < 10; i++)
            log.Append(TestBatch.Of($"{i}"));
        log.Time.Advance(TimeSpan.FromDays(1));
        log.Log.ApplyRetention(0);
        Assert.That(log.Log.Offsets.Start, Is.Zero);
    }

    [Test]
    public async Task A_time_before_the_start_of_the_log_finds_the_first_record_that_is_left()
    {
        await using var log = new TestLog();
        log.Append(TestBatch.Of("a", "b", "c"));
        log.Log.DeleteBefore(2);
        Assert.That(log.Log.FindByTimestamp(0, committedOnly: false), Is.EqualTo((2L, 1_000_002L)));
    }

    [Test]
    public async Task The_first_record_at_or_after_a_time_is_found_although_times_do_not_rise()
    {
        await using var log = new TestLog(new LogConfig { SegmentBytes = 1000 });
        long[] times = [100, 50, 300, 200, 250, 400, 10];
        foreach (long time in times)
            log.Append(TestBatch.Of("k") with { Timestamp = time });
        foreach (long wanted in new long[] { 0, 60, 150, 260, 301, 400, 401 })
        {
            int expected = Array.FindIndex(times, t => t >= wanted);
            Assert.That(log.Log.FindByTimestamp(wanted, false), Is.EqualTo(expected < 0 ? null : ((long Offset, long Timestamp)?)(expected, times[expected])), $"{wanted}");
        }
    }
}
