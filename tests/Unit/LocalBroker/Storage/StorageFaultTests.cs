using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.Tests.Unit.LocalBroker.Storage;

/// <summary>A partition on a disk that fills up or fails: nothing is half there, nothing is acknowledged that is not there, reads go on.</summary>
public sealed class StorageFaultTests
{
    [Test]
    public async Task On_a_full_disk_records_are_refused_and_reads_go_on_until_there_is_room_again()
    {
        var disk = new FaultyDisk();
        await using var log = new TestLog(disk: disk);
        log.Append(TestBatch.Of("a"));
        int size = TestBatch.Of("b").Build().Length;
        for (int room = 0; room < size; room++)
        {
            disk.Room = room;
            Assert.That(log.Append(TestBatch.Of("b")).Error, Is.EqualTo(ErrorCode.KafkaStorageError), $"room for {room} bytes");
            Assert.That(log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a" }));
        }

        Assert.That(log.Lines.Lines.Where(l => l.Contains("No space left on device", StringComparison.Ordinal)), Has.One.Items, "said once");
        disk.Room = long.MaxValue;
        Assert.That(log.Append(TestBatch.Of("b")).BaseOffset, Is.EqualTo(1));
        Assert.That(log.Lines.Lines[^1], Does.Contain("can be written again"));
        log.Reopen();
        Assert.That(log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public async Task A_batch_refused_by_a_full_disk_may_be_sent_again_by_its_idempotent_producer()
    {
        var disk = new FaultyDisk();
        await using var log = new TestLog(disk: disk);
        TestBatch first = TestBatch.Of("a") with { ProducerId = 7, Epoch = 0, Sequence = 0 };
        log.Append(first);
        disk.Room = 10;
        TestBatch second = TestBatch.Of("b") with { ProducerId = 7, Epoch = 0, Sequence = 1 };
        Assert.That(log.Append(second).Error, Is.EqualTo(ErrorCode.KafkaStorageError));
        disk.Room = long.MaxValue;
        Assert.That(log.Append(second).BaseOffset, Is.EqualTo(1));
        Assert.That(log.Append(second).BaseOffset, Is.EqualTo(1), "now it is a repetition");
        Assert.That(log.Read(), Has.Count.EqualTo(2));
    }

    [TestCase(typeof(IOException))]
    [TestCase(typeof(UnauthorizedAccessException))]
    public async Task After_a_failed_flush_nothing_is_taken_or_shown_until_a_restart(Type failure)
    {
        var disk = new FaultyDisk();
        await using var log = new TestLog(disk: disk, policy: FlushPolicy.Group);
        log.Append(TestBatch.Of("a"));
        Assert.That(await log.Flush.WhenDurableAsync(), Is.True);
        disk.OnFlush = (Exception)Activator.CreateInstance(failure, "Input/output error")!;
        log.Append(TestBatch.Of("b"));
        Assert.That(await log.Flush.WhenDurableAsync(), Is.False);
        Assert.That(log.Log.IsFailed);
        disk.OnFlush = null;
        Assert.That(log.Append(TestBatch.Of("c")).Error, Is.EqualTo(ErrorCode.KafkaStorageError), "a flush that succeeds later proves nothing");
        Assert.That(log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a" }), "what may be lost is not shown");
        log.Reopen();
        Assert.That(log.Append(TestBatch.Of("d")).Error, Is.EqualTo(ErrorCode.None));
    }

    [Test]
    public async Task Where_the_disk_cannot_be_read_readers_are_told_and_writers_go_on()
    {
        var disk = new FaultyDisk();
        await using var log = new TestLog(disk: disk);
        log.Append(TestBatch.Of("a"));
        disk.OnRead = new IOException("Input/output error");
        using var writer = new WireWriter();
        Assert.That(log.Log.Read(log.Log.Plan(0, 1000, false), atLeastOne: true, writer), Is.EqualTo((0, ErrorCode.KafkaStorageError)), "no end, no damage");
        Assert.That(log.Lines.Lines[^1], Does.Contain("topic-0").And.Contain("offset 0").And.Contain("Input/output error"));
        Assert.That(() => log.Log.FindByTimestamp(0, committedOnly: false), Throws.InstanceOf<IOException>());
        Assert.That(() => log.Log.FindLargestTimestamp(), Throws.InstanceOf<IOException>());
        Assert.That(log.Append(TestBatch.Of("b")).BaseOffset, Is.EqualTo(1));
        disk.OnRead = null;
        Assert.That(log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public async Task A_start_that_cannot_read_a_segment_ends_and_cuts_nothing()
    {
        var disk = new FaultyDisk();
        await using var log = new TestLog(disk: disk);
        log.Append(TestBatch.Of("a"));
        disk.OnRead = new IOException("Input/output error");
        Assert.That(() => log.Reopen(), Throws.InstanceOf<IOException>().With.Message.Contains("Input/output error"));
        disk.OnRead = null;
        log.Reopen();
        Assert.That(log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public async Task A_segment_shortened_under_the_broker_is_damage_to_readers_also_by_time()
    {
        await using var log = new TestLog();
        log.Append(TestBatch.Of("a"));
        int whole = (int)new FileInfo(log.ActiveFile).Length;
        log.Append(TestBatch.Of("b"));
        using (var file = new FileStream(log.ActiveFile, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(whole + 30);
        Assert.That(log.Read().Select(r => r.Key), Is.EqualTo(new[] { "a" }));
        using var writer = new WireWriter();
        Assert.That(log.Log.Read(log.Log.Plan(1, 1000, false), atLeastOne: true, writer), Is.EqualTo((0, ErrorCode.CorruptMessage)));
        Assert.That(() => log.Log.FindByTimestamp(long.MaxValue - 1, committedOnly: false), Is.Null, "nothing claims to be that new");
        Assert.That(() => log.Log.FindLargestTimestamp(), Throws.InstanceOf<IOException>().With.Message.Contains($"damaged at byte {whole}"));
    }

    [TestCase(FlushPolicy.Group)]
    [TestCase(FlushPolicy.Interval)]
    public async Task What_a_kill_left_unflushed_is_flushed_by_the_next_start(FlushPolicy policy)
    {
        var disk = new FaultyDisk();
        await using var log = new TestLog(disk: disk, policy: policy);
        log.Append(TestBatch.Of("a"));
        await log.Flush.WhenDurableAsync();
        log.Reopen(clean: true);
        log.Time.Advance(TimeSpan.FromSeconds(2));
        int before = disk.Flushes;
        log.Reopen();
        Assert.That(disk.Flushes, Is.EqualTo(before), "all is covered by a checkpoint");
        log.Append(TestBatch.Of("b"));
        log.Log.Dispose();
        before = disk.Flushes;
        log.Reopen();
        await log.Flush.DisposeAsync();
        Assert.That(disk.Flushes, Is.GreaterThan(before));
    }

    [Test]
    public async Task A_checkpoint_whose_flush_fails_closes_the_log_as_any_failed_flush_does()
    {
        var disk = new FaultyDisk();
        await using var log = new TestLog(disk: disk, policy: FlushPolicy.Interval);
        log.Append(TestBatch.Of("a"));
        disk.OnFlush = new IOException("Input/output error");
        Assert.That(() => log.Log.Checkpoint(everything: true), Throws.InstanceOf<IOException>());
        Assert.That(log.Append(TestBatch.Of("b")).Error, Is.EqualTo(ErrorCode.KafkaStorageError));
    }

    [Test]
    public async Task The_first_segment_missing_from_a_log_that_nobody_shortened_refuses_the_start()
    {
        await using var log = new TestLog(new LogConfig { SegmentBytes = 100 });
        for (int i = 0; i < 3; i++)
            log.Append(TestBatch.Of($"key {i}"));
        log.Close();
        File.Delete(Directory.GetFiles(log.Folder, "*.log").Order().First());
        Assert.That(() => log.Reopen(), Throws.InstanceOf<DataFolderException>().With.Message.Contains("lacks the segment with offset 0"));
        log.Reopen(RecoveryMode.Repair);
        log.Reopen();
        Assert.That(log.Log.Offsets.Start, Is.EqualTo(1), "a repair is remembered");
        Assert.That(log.Read(1).Select(r => r.Key), Is.EqualTo(new[] { "key 1", "key 2" }));
    }
}
