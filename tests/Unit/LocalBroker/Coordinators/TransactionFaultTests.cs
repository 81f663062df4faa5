using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;

namespace Tally.Tests.Unit.LocalBroker.Coordinators;

/// <summary>Transactions while the disk is full or fails, and after a power cut: what was answered is what a start finds.</summary>
public sealed class TransactionFaultTests
{
    [Test]
    public async Task A_partition_whose_joining_could_not_be_stored_is_not_in_the_transaction()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync(timeoutMs: 5000);
        broker.Disk.Room = 5;
        Assert.That(broker.Add(pid, epoch), Is.EqualTo(ErrorCode.CoordinatorNotAvailable));
        Assert.That(broker.Append(pid, epoch, 0), Is.EqualTo(ErrorCode.InvalidTxnState), "it was refused, so nothing may be written");
        Assert.That(broker.State.Transactions.Read("tx", t => t.Status.ToString()), Is.EqualTo("Empty"));

        broker.Disk.Room = long.MaxValue;
        Assert.That(broker.Add(pid, epoch), Is.EqualTo(ErrorCode.None), "asked again, and stored this time");
        Assert.That(broker.Append(pid, epoch, 0), Is.EqualTo(ErrorCode.None));
        await broker.ReopenAsync();
        Assert.That(broker.Log(0).Offsets.LastStable, Is.Zero);
        broker.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo(2), "the start knew of it and aborted it when its time was over");
    }

    [Test]
    public async Task A_second_partition_that_could_not_be_stored_leaves_the_first_as_it_was()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Add(pid, epoch, partition: 0);
        broker.Disk.Room = 0;
        Assert.That(broker.Add(pid, epoch, partition: 1), Is.EqualTo(ErrorCode.CoordinatorNotAvailable));
        broker.Disk.Room = long.MaxValue;
        Assert.That(broker.Append(pid, epoch, 0, partition: 0), Is.EqualTo(ErrorCode.None));
        Assert.That(broker.Append(pid, epoch, 0, partition: 1), Is.EqualTo(ErrorCode.InvalidTxnState));
        Assert.That(await broker.End(pid, epoch, commit: true), Is.EqualTo(ErrorCode.None));
        Assert.That((broker.Log(0).EndOffset, broker.Log(1).EndOffset), Is.EqualTo((2L, 0L)));
    }

    [Test]
    public async Task A_group_or_offsets_that_could_not_be_stored_are_not_in_the_transaction()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        var group = new Key25AddOffsetsToTxn.Request("tx", pid, epoch, "g");
        broker.Disk.Room = 0;
        Assert.That(broker.Transactions.AddGroup(group, 0), Is.EqualTo(ErrorCode.CoordinatorNotAvailable));
        Assert.That(broker.StageOffset(pid, epoch, 5), Is.EqualTo(ErrorCode.InvalidTxnState));
        broker.Disk.Room = long.MaxValue;
        Assert.That(broker.Transactions.AddGroup(group, 0), Is.EqualTo(ErrorCode.None));
        Assert.That(broker.StageOffset(pid, epoch, 5), Is.EqualTo(ErrorCode.None));
        broker.Disk.Room = 0;
        Assert.That(broker.StageOffset(pid, epoch, 6), Is.EqualTo(ErrorCode.CoordinatorNotAvailable));
        broker.Disk.Room = long.MaxValue;
        await broker.End(pid, epoch, commit: true);
        Assert.That(broker.Committed(stable: true), Is.EqualTo((5L, ErrorCode.None)), "6 was refused");
    }

    [Test]
    public async Task An_initialisation_that_could_not_be_stored_fences_nobody()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Disk.Room = 0;
        Assert.That((await broker.InitAsync()).Error, Is.EqualTo(ErrorCode.CoordinatorNotAvailable));
        broker.Disk.Room = long.MaxValue;
        Assert.That(broker.Add(pid, epoch), Is.EqualTo(ErrorCode.None));
    }

    [TestCase(0, Description = "the decision")]
    [TestCase(1, Description = "one of the markers, or what comes with them")]
    [TestCase(2)]
    public async Task A_commit_whose_flush_fails_is_not_acknowledged_and_is_whole_after_a_restart(int flushesBefore)
    {
        await using var broker = new TestCoordinators(FlushPolicy.Group);
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Add(pid, epoch, 0);
        broker.Add(pid, epoch, 1);
        broker.Append(pid, epoch, 0, partition: 0);
        broker.Append(pid, epoch, 0, partition: 1);
        await broker.State.Flush.WhenDurableAsync();
        (broker.Disk.FlushesBefore, broker.Disk.OnFlush) = (flushesBefore, new IOException("Input/output error"));
        ErrorCode answer = await broker.End(pid, epoch, commit: true);
        Assert.That(answer, Is.EqualTo(ErrorCode.CoordinatorNotAvailable));
        broker.Disk.OnFlush = null;
        await broker.ReopenAsync();
        Assert.That(await broker.State.Flush.WhenDurableAsync(), Is.True);
        Assert.That((broker.Log(0).Offsets.LastStable, broker.Log(1).Offsets.LastStable), Is.EqualTo((2L, 2L)), "decided, so committed in both");
        Assert.That(broker.Log(0).Plan(0, 1000, true).Aborted, Is.Empty);
        Assert.That(broker.Log(1).Plan(0, 1000, true).Aborted, Is.Empty);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_commit_finished_by_the_clock_or_at_a_start_is_not_noted_as_done_before_its_marker_is_on_the_disk(bool atStart)
    {
        await using var broker = new TestCoordinators(FlushPolicy.Group);
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Add(pid, epoch);
        broker.Append(pid, epoch, 0);
        await broker.State.Flush.WhenDurableAsync();
        string log = Directory.GetFiles(Path.Combine(broker.Folder, "topics", TestCoordinators.Topic, "0"), "*.log").Single();
        long beforeMarker = new FileInfo(log).Length;
        // Room for the decision and not for the marker.
        broker.Disk.WritesBefore = 1;
        Assert.That(await broker.End(pid, epoch, commit: true), Is.EqualTo(ErrorCode.None), "decided");
        Assert.That(new FileInfo(log).Length, Is.EqualTo(beforeMarker));
        var failure = new IOException("Input/output error");
        if (atStart)
        {
            // The start flushes what it found in the two journals.
            await broker.ReopenAsync(() => (broker.Disk.WritesBefore, broker.Disk.FlushesBefore, broker.Disk.OnFlush) = (int.MaxValue, 2, failure));
        }
        else
        {
            (broker.Disk.WritesBefore, broker.Disk.OnFlush) = (int.MaxValue, failure);
            broker.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.That(await broker.State.Flush.WhenDurableAsync(), Is.False);
        Assert.That(new FileInfo(log).Length, Is.GreaterThan(beforeMarker), "the marker was written");

        broker.Disk.OnFlush = null;
        await broker.ReopenAsync(() => PowerCut(log, beforeMarker));
        await broker.State.Flush.WhenDurableAsync();
        Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo(2), "marked again");
        Assert.That(broker.Log(0).Plan(0, 1000, true).Aborted, Is.Empty, "as decided and answered: committed");
    }

    [Test]
    public async Task A_decision_that_fails_as_nobody_foresaw_has_not_been_taken()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Add(pid, epoch);
        (broker.Disk.WritesBefore, broker.Disk.OnFull) = (0, new NotSupportedException("This disk does not write"));
        Assert.That(async () => await broker.End(pid, epoch, commit: true), Throws.InstanceOf<NotSupportedException>());
        broker.Disk.WritesBefore = int.MaxValue;
        Assert.That(broker.Append(pid, epoch, 0), Is.EqualTo(ErrorCode.None), "still open");
        Assert.That(await broker.End(pid, epoch, commit: false), Is.EqualTo(ErrorCode.None), "and may end either way");
    }

    [TestCase(1, Description = "the marker")]
    [TestCase(2, Description = "the note that all is done")]
    public async Task An_end_that_fails_as_nobody_foresaw_is_logged_and_tried_again(int writesBefore)
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Add(pid, epoch);
        broker.Append(pid, epoch, 0);
        (broker.Disk.WritesBefore, broker.Disk.OnFull) = (writesBefore, new NotSupportedException("This disk does not write"));
        Assert.That(async () => await broker.End(pid, epoch, commit: true), Throws.InstanceOf<NotSupportedException>(), "not acknowledged");
        Assert.That(await broker.End(pid, epoch, commit: true), Is.EqualTo(ErrorCode.ConcurrentTransactions), "decided and not done");
        broker.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(broker.Lines.Lines, Has.One.Contains("Transaction tx").And.Contains("could not be finished"), "tried by the clock, and there was nobody to tell");
        broker.Disk.WritesBefore = int.MaxValue;
        broker.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(broker.Transactions.Read("tx", t => t.Status.ToString()), Is.EqualTo("CompleteCommit"));
        Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo(broker.Log(0).EndOffset));
        Assert.That(broker.Log(0).Plan(0, 1000, true).Aborted, Is.Empty);
        Assert.That(await broker.End(pid, epoch, commit: true), Is.EqualTo(ErrorCode.None));
        Assert.That(broker.Add(pid, epoch), Is.EqualTo(ErrorCode.None), "the next one follows");
    }

    [TestCase(0, Description = "the decision")]
    [TestCase(1, Description = "the marker")]
    public async Task An_initialisation_gives_no_epoch_before_the_abort_of_the_open_transaction_is_on_the_disk(int flushesBefore)
    {
        await using var broker = new TestCoordinators(FlushPolicy.Group);
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Add(pid, epoch);
        broker.Append(pid, epoch, 0);
        await broker.State.Flush.WhenDurableAsync();
        (broker.Disk.FlushesBefore, broker.Disk.OnFlush) = (flushesBefore, new IOException("Input/output error"));
        Assert.That((await broker.InitAsync()).Error, Is.EqualTo(ErrorCode.ConcurrentTransactions), "to be asked again");
        broker.Disk.OnFlush = null;
        await broker.ReopenAsync();
        Assert.That(await broker.State.Flush.WhenDurableAsync(), Is.True);
        Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo(2));
        Assert.That(broker.Log(0).Plan(0, 1000, true).Aborted, Has.Count.EqualTo(1));
        Assert.That(await broker.InitAsync(), Is.EqualTo((ErrorCode.None, pid, (short)(epoch + 2))), "the fenced epoch and the next");
    }

    // What was not flushed is gone.
    private static void PowerCut(string log, long length)
    {
        using FileStream file = File.OpenWrite(log);
        file.SetLength(length);
        File.Delete(Path.ChangeExtension(log, ".checkpoint"));
    }

    [Test]
    public async Task Offsets_whose_flush_fails_are_not_acknowledged()
    {
        await using var broker = new TestCoordinators(FlushPolicy.Group);
        broker.Disk.OnFlush = new IOException("Input/output error");
        broker.Groups.Commit(new Key08OffsetCommit.Request("g", -1, "", null, [new TopicOffsets(TestCoordinators.Topic, [new OffsetToCommit(0, 3, -1, null)])]));
        Assert.That(await broker.State.IsDurableAsync(), Is.False);
    }

    [Test]
    public async Task A_transaction_open_in_a_partition_that_no_journal_knows_is_aborted_at_start()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        string journal = Path.Combine(broker.Folder, "transactions");
        long before = new FileInfo(journal).Length;
        broker.Add(pid, epoch);
        broker.Append(pid, epoch, 0);
        await broker.ReopenAsync(() =>
        {
            // What a power cut may leave: the journal's last entries gone, the records there.
            using FileStream file = File.OpenWrite(journal);
            file.SetLength(before);
        });
        Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo(2));
        Assert.That(broker.Log(0).Plan(0, 1000, true).Aborted, Has.Count.EqualTo(1));
    }
}
