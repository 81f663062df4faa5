using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;

namespace Tally.Tests.Unit.LocalBroker.Coordinators;

/// <summary>The answers of the old transaction protocol, as measured at Kafka 4.3.1 where the notes give them.</summary>
public sealed class TransactionCoordinatorTests
{
    [Test]
    public async Task A_transaction_runs_from_init_to_commit_and_the_next_one_follows()
    {
        await using var broker = new TestCoordinators();
        (ErrorCode error, long pid, short epoch) = await broker.InitAsync();
        Assert.That((error, epoch), Is.EqualTo((ErrorCode.None, (short)0)));
        for (int i = 0; i < 3; i++)
        {
            Assert.That(broker.Add(pid, epoch), Is.EqualTo(ErrorCode.None));
            Assert.That(broker.Append(pid, epoch, i), Is.EqualTo(ErrorCode.None));
            Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo(i * 2));
            Assert.That(await broker.End(pid, epoch, commit: i != 1), Is.EqualTo(ErrorCode.None));
            Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo((i * 2) + 2));
        }

        Assert.That(broker.Log(0).Plan(0, 10_000, true).Aborted!.Select(a => a.FirstOffset), Is.EqualTo(new[] { 2L }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Ending_twice_is_fine_with_the_same_result_only(bool commit)
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        Assert.That(await broker.End(pid, epoch, commit), Is.EqualTo(ErrorCode.InvalidTxnState), "nothing was begun");
        broker.Add(pid, epoch);
        Assert.That(await broker.End(pid, epoch, commit), Is.EqualTo(ErrorCode.None));
        Assert.That(await broker.End(pid, epoch, commit), Is.EqualTo(ErrorCode.None));
        Assert.That(await broker.End(pid, epoch, !commit), Is.EqualTo(ErrorCode.InvalidTxnState));
        Assert.That(broker.Log(0).EndOffset, Is.EqualTo(1), "one marker");
    }

    [Test]
    public async Task Strangers_and_old_epochs_are_told_apart()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        Assert.That(broker.Add(pid + 1, epoch), Is.EqualTo(ErrorCode.InvalidProducerIdMapping));
        Assert.That(broker.Add(pid, epoch, id: "other"), Is.EqualTo(ErrorCode.InvalidProducerIdMapping));
        Assert.That(await broker.End(pid + 1, epoch, true), Is.EqualTo(ErrorCode.InvalidProducerIdMapping));
        (_, long samePid, short next) = await broker.InitAsync();
        Assert.That((samePid, next), Is.EqualTo((pid, (short)1)));
        Assert.That(broker.Add(pid, epoch), Is.EqualTo(ErrorCode.InvalidProducerEpoch), "version 0 and 1 know no PRODUCER_FENCED");
        Assert.That(broker.Add(pid, epoch, version: 2), Is.EqualTo(ErrorCode.ProducerFenced));
        Assert.That(broker.Append(pid, epoch, 0), Is.EqualTo(ErrorCode.InvalidProducerEpoch));
        Assert.That(broker.Append(pid, next, 0), Is.EqualTo(ErrorCode.InvalidTxnState), "the partition was not added");
    }

    [Test]
    public async Task Unknown_partitions_are_named_and_their_neighbours_not_attempted()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        List<TopicErrors> answer = broker.Transactions.AddPartitions(
            new Key24AddPartitionsToTxn.Request("tx", pid, epoch, [new TopicPartitions("t", [0, 5]), new TopicPartitions("nowhere", [0])]), 0);
        Assert.That(answer.SelectMany(t => t.Partitions.Select(p => (t.Name, p.Partition, p.Error))), Is.EqualTo(new[]
        {
            ("t", 0, ErrorCode.OperationNotAttempted), ("t", 5, ErrorCode.UnknownTopicOrPartition), ("nowhere", 0, ErrorCode.UnknownTopicOrPartition),
        }));
        Assert.That(broker.Append(pid, epoch, 0), Is.EqualTo(ErrorCode.InvalidTxnState));
    }

    [Test]
    public async Task Initialising_over_an_open_transaction_aborts_it()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Add(pid, epoch);
        broker.Append(pid, epoch, 0);
        (ErrorCode error, long samePid, short next) = await broker.InitAsync();
        Assert.That((error, samePid), Is.EqualTo((ErrorCode.None, pid)));
        Assert.That(next, Is.GreaterThan(epoch));
        Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo(2));
        Assert.That(broker.Log(0).Plan(0, 10_000, true).Aborted, Has.Count.EqualTo(1));
        Assert.That(await broker.End(pid, epoch, commit: true), Is.EqualTo(ErrorCode.InvalidProducerEpoch));
    }

    [Test]
    public async Task A_producer_that_names_its_epoch_gets_the_next_once_and_a_stale_one_is_fenced()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        (ErrorCode error, _, short next) = await broker.InitAsync(producerId: pid, epoch: epoch);
        Assert.That((error, next), Is.EqualTo((ErrorCode.None, (short)1)));
        Assert.That(await broker.InitAsync(producerId: pid, epoch: epoch), Is.EqualTo((ErrorCode.None, pid, (short)1)), "the same question again");
        await broker.InitAsync(producerId: pid, epoch: next);
        Assert.That((await broker.InitAsync(producerId: pid, epoch: epoch)).Error, Is.EqualTo(ErrorCode.ProducerFenced));
    }

    [Test]
    public async Task A_time_out_beyond_the_limit_is_refused()
    {
        await using var broker = new TestCoordinators();
        Assert.That((await broker.InitAsync(timeoutMs: 100_000_000)).Error, Is.EqualTo(ErrorCode.InvalidTransactionTimeout));
        Assert.That((await broker.InitAsync(timeoutMs: 900_000)).Error, Is.EqualTo(ErrorCode.None));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task A_transaction_left_open_is_aborted_and_its_producer_fenced(bool overARestart)
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync(timeoutMs: 5000);
        broker.Add(pid, epoch);
        broker.Append(pid, epoch, 0);
        broker.Time.Advance(TimeSpan.FromMilliseconds(3000));
        if (overARestart)
            await broker.ReopenAsync();
        broker.Time.Advance(TimeSpan.FromMilliseconds(1990));
        Assert.That(broker.Log(0).Offsets.LastStable, Is.Zero, "not yet");
        broker.Time.Advance(TimeSpan.FromMilliseconds(20));
        Assert.That(broker.Log(0).Offsets.LastStable, Is.EqualTo(2));
        Assert.That(await broker.End(pid, epoch, commit: true), Is.EqualTo(ErrorCode.InvalidProducerEpoch));
        Assert.That(broker.Append(pid, epoch, 1), Is.EqualTo(ErrorCode.InvalidProducerEpoch));
    }

    [Test]
    public async Task Staged_offsets_are_unstable_until_the_end_also_over_a_restart()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        Assert.That(broker.StageOffset(pid, epoch, 5), Is.EqualTo(ErrorCode.InvalidTxnState), "the group was not added");
        Assert.That(broker.Transactions.AddGroup(new Key25AddOffsetsToTxn.Request("tx", pid, epoch, "g"), 0), Is.EqualTo(ErrorCode.None));
        Assert.That(broker.StageOffset(pid, epoch, 5), Is.EqualTo(ErrorCode.None));
        await broker.ReopenAsync();
        Assert.That(broker.Committed(stable: true), Is.EqualTo((-1L, ErrorCode.UnstableOffsetCommit)));
        Assert.That(broker.Committed(stable: false), Is.EqualTo((-1L, ErrorCode.None)));
        await broker.End(pid, epoch, commit: true);
        Assert.That(broker.Committed(stable: true), Is.EqualTo((5L, ErrorCode.None)));
        await broker.ReopenAsync();
        Assert.That(broker.Committed(stable: true), Is.EqualTo((5L, ErrorCode.None)));
    }

    /// <summary>Cuts the journal after every entry of a committing transaction, as a crash there would.</summary>
    [Test]
    public async Task A_decided_transaction_is_finished_at_start_and_an_undecided_one_is_not()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync(timeoutMs: 60_000);
        broker.Add(pid, epoch, 0);
        broker.Add(pid, epoch, 1);
        broker.Append(pid, epoch, 0, partition: 0);
        broker.Append(pid, epoch, 0, partition: 1);
        broker.Transactions.AddGroup(new Key25AddOffsetsToTxn.Request("tx", pid, epoch, "g"), 0);
        broker.StageOffset(pid, epoch, 5);
        string journal = Path.Combine(broker.Folder, "transactions");
        long ongoing = new FileInfo(journal).Length;
        var saved = new Dictionary<string, byte[]>();
        await broker.ReopenAsync(() => Snapshot(broker.Folder, saved));
        await broker.End(pid, epoch, commit: true);

        // The completion is the last entry; without it the file ends with the decision.
        byte[] whole = await File.ReadAllBytesAsync(journal);
        int decisionEnd = LastEntryStart(whole);
        Assert.That(decisionEnd, Is.GreaterThan(ongoing));
        await broker.ReopenAsync(() =>
        {
            Restore(broker.Folder, saved);
            File.WriteAllBytes(journal, whole[..decisionEnd]);
        });
        Assert.That((broker.Log(0).Offsets.LastStable, broker.Log(1).Offsets.LastStable), Is.EqualTo((2L, 2L)), "both partitions got their marker");
        Assert.That(broker.Log(0).Plan(0, 1000, true).Aborted, Is.Empty);
        Assert.That(broker.Committed(stable: true), Is.EqualTo((5L, ErrorCode.None)));

        await broker.ReopenAsync(() =>
        {
            Restore(broker.Folder, saved);
            File.WriteAllBytes(journal, whole[..(int)ongoing]);
        });
        Assert.That(broker.Log(0).Offsets.LastStable, Is.Zero, "undecided, so still open");
        broker.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.That(broker.Log(0).Plan(0, 1000, true).Aborted, Has.Count.EqualTo(1));
        Assert.That(broker.Committed(stable: true), Is.EqualTo((-1L, ErrorCode.None)));
    }

    [Test]
    public async Task Producer_ids_are_never_given_twice_even_after_a_crash()
    {
        await using var broker = new TestCoordinators();
        var given = new HashSet<long>();
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 1500; i++)
                Assert.That(given.Add((await broker.Transactions.InitAsync(new Key22InitProducerId.Request(null, 0, -1, -1))).ProducerId), "given twice");
            await broker.ReopenAsync();
        }
    }

    [Test]
    public async Task Epochs_run_out_into_a_new_producer_id()
    {
        await using var broker = new TestCoordinators();
        long first = (await broker.InitAsync()).ProducerId, now = first;
        short epoch = 0;
        for (int i = 0; i < 33_000 && now == first; i++)
        {
            Assert.That(epoch, Is.LessThan(short.MaxValue));
            (_, now, epoch) = await broker.InitAsync();
        }

        Assert.That(now, Is.Not.EqualTo(first));
        Assert.That(epoch, Is.Zero);
    }

    private static int LastEntryStart(byte[] journal)
    {
        int at = 8, last = 8;
        while (at < journal.Length)
        {
            last = at;
            at += 8 + System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(journal.AsSpan(at));
        }

        return last;
    }

    private static void Snapshot(string folder, Dictionary<string, byte[]> files)
    {
        foreach (string file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) != "lock"))
            files[file] = File.ReadAllBytes(file);
    }

    private static void Restore(string folder, Dictionary<string, byte[]> files)
    {
        foreach (string file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) != "lock"))
            File.Delete(file);
        foreach ((string file, byte[] content) in files)
            File.WriteAllBytes(file, content);
    }

    [Test]
    public async Task A_producer_that_timed_out_may_ask_for_the_new_epoch_until_somebody_else_uses_it()
    {
        await using var broker = new TestCoordinators();
        (_, long pid, short epoch) = await broker.InitAsync();
        broker.Add(pid, epoch);
        broker.Append(pid, epoch, 0);
        broker.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.That(broker.Add(pid, epoch), Is.EqualTo(ErrorCode.InvalidProducerEpoch));
        (ErrorCode error, long samePid, short next) = await broker.InitAsync(producerId: pid, epoch: epoch);
        Assert.That((error, samePid, next), Is.EqualTo((ErrorCode.None, pid, (short)(epoch + 1))));
        Assert.That(await broker.InitAsync(producerId: pid, epoch: epoch), Is.EqualTo((ErrorCode.None, pid, next)), "its answer was lost, so it asks again");
        Assert.That(broker.Add(pid, next), Is.EqualTo(ErrorCode.None));
        await broker.End(pid, next, commit: false);
        Assert.That((await broker.InitAsync(producerId: pid, epoch: epoch)).Error, Is.EqualTo(ErrorCode.ProducerFenced), "the epoch has an owner now");
    }
}
