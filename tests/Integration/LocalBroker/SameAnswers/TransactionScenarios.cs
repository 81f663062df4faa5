using Tally.Tests.Support.Wire;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>Transactions in the protocol that KIP-98 and KIP-447 describe.</summary>
internal static class TransactionScenarios
{
    private static readonly ProducerIdentity Nobody = new(0, 9_999_999, 0);

    public static async Task LifeCycle(Conversation c)
    {
        string topic = await c.CreateTopicAsync("life");
        const string id = "life-1";
        ProducerIdentity p = await c.InitProducerAsync(id);
        c.Note("init", c.Show(p));
        WireBatch Batch(int sequence, params string[] keys) =>
            WireBatch.Of(keys) with { ProducerId = p.Id, Epoch = p.Epoch, Sequence = sequence, Transactional = true };
        c.Note("commit of nothing", await c.EndAsync(id, p, commit: true));
        c.Note("abort of nothing", await c.EndAsync(id, p, commit: false));
        c.Note("write before the partition is added", await c.ProduceAsync(topic, Batch(0, "a"), transactionalId: id));
        c.Note("add an unknown topic with a known one", await c.AddPartitionsAsync(id, p, 1, (topic, 0), ("nobody-made-me", 0)));
        c.Note("add an unknown partition", await c.AddPartitionsAsync(id, p, 1, (topic, 7)));
        c.Note("add", await c.AddPartitionsAsync(id, p, 1, (topic, 0)));
        c.Note("add again", await c.AddPartitionsAsync(id, p, 1, (topic, 0)));
        c.Note("write", await c.ProduceAsync(topic, Batch(0, "a", "b"), transactionalId: id));
        c.Note("the same again", await c.ProduceAsync(topic, Batch(0, "a", "b"), transactionalId: id));
        c.Note("a plain batch meanwhile", await c.ProduceAsync(topic, Batch(2, "c") with { Transactional = false }));
        c.Note("open, committed reader", await c.FetchAsync(topic, 0, committed: true));
        c.Note("open, other reader", await c.FetchAsync(topic, 0));
        c.Note("open, latest committed", await c.ListOffsetsAsync(topic, -1, committed: true));
        c.Note("open, by time committed", await c.ListOffsetsAsync(topic, 0, committed: true));
        c.Note("open, delete beyond the stable offset", await c.DeleteRecordsAsync(topic, 1));
        c.Note("commit", await c.EndAsync(id, p, commit: true));
        await c.SettleAsync(topic);
        c.Note("commit again", await c.EndAsync(id, p, commit: true));
        c.Note("abort what is committed", await c.EndAsync(id, p, commit: false));
        c.Note("write after the end", await c.ProduceAsync(topic, Batch(2, "c"), transactionalId: id));
        c.Note("second", await c.WriteInTransactionAsync(id, p, topic, 2, "c"));
        c.Note("abort", await c.EndAsync(id, p, commit: false));
        await c.SettleAsync(topic);
        c.Note("abort again", await c.EndAsync(id, p, commit: false));
        c.Note("commit what is aborted", await c.EndAsync(id, p, commit: true));
        c.Note("all, committed", await c.ReadToEndAsync(topic, 1));
        c.Note("at the marker, committed", await c.FetchAsync(topic, 4, committed: true));
        c.Note("all", await c.ReadToEndAsync(topic, 1, committed: false));
        c.Note("sequences go on", await c.WriteInTransactionAsync(id, p, topic, 3, "d"));
        c.Note("plain producer next to it", await c.ProduceAsync(topic, WireBatch.Of("e")));
        c.Note("stable offset stays", await c.FetchAsync(topic, 5, committed: true));
        await c.EndAsync(id, p, commit: true);
        await c.SettleAsync(topic);
        c.Note("stable offset moves", await c.FetchAsync(topic, 5, committed: true));
    }

    public static async Task Strangers(Conversation c)
    {
        string topic = await c.CreateTopicAsync("strangers");
        const string id = "strangers-1";
        ProducerIdentity p = await c.InitProducerAsync(id);
        c.Note("unknown id ends", await c.EndAsync("nobody", p, commit: true));
        c.Note("unknown id adds", await c.AddPartitionsAsync("nobody", p, 1, (topic, 0)));
        c.Note("unknown id adds a group", await c.AddOffsetsAsync("nobody", p, "strangers"));
        c.Note("wrong producer ends", await c.EndAsync(id, Nobody, commit: true));
        c.Note("wrong producer adds", await c.AddPartitionsAsync(id, Nobody, 1, (topic, 0)));
        c.Note("wrong producer adds a group", await c.AddOffsetsAsync(id, Nobody, "strangers"));
        c.Note("wrong producer commits offsets", await c.CommitInTransactionAsync(id, Nobody, "strangers", topic, 1));
        WireBatch stranger = WireBatch.Of("a") with { ProducerId = Nobody.Id, Epoch = 0, Sequence = 0, Transactional = true };
        c.Note("wrong producer writes", await c.ProduceAsync(topic, stranger, transactionalId: id));
        c.Note("writes with an unknown id", await c.ProduceAsync(topic, stranger with { ProducerId = p.Id }, transactionalId: "nobody"));
        c.Note("nothing was stored", await c.FetchAsync(topic, 0));
    }

    public static async Task Fencing(Conversation c)
    {
        string topic = await c.CreateTopicAsync("fencing");
        const string id = "fencing-1";
        ProducerIdentity old = await c.InitProducerAsync(id);
        await c.WriteInTransactionAsync(id, old, topic, 0, "zombie");
        c.Note("a second producer over an open transaction, first answer", c.Show(await c.InitProducerAsync(id, patient: false)));
        ProducerIdentity heir = await c.InitProducerAsync(id);
        await c.SettleAsync(topic);
        c.Note("it has the same producer and a higher epoch", (heir.Error, heir.Id == old.Id, heir.Epoch > old.Epoch));
        WireBatch zombie = WireBatch.Of("b") with { ProducerId = old.Id, Epoch = old.Epoch, Sequence = 1, Transactional = true };
        c.Note("the old one writes", await c.ProduceAsync(topic, zombie, transactionalId: id));
        foreach (int version in new[] { 0, 1 })
        {
            c.Note($"the old one adds, version {version}", await c.AddPartitionsAsync(id, old, version, (topic, 0)));
            c.Note($"the old one adds a group, version {version}", await c.AddOffsetsAsync(id, old, "fencing", version));
            c.Note($"the old one commits, version {version}", await c.EndAsync(id, old, commit: true, version));
        }

        c.Note("the old one commits offsets", await c.CommitInTransactionAsync(id, old, "fencing", topic, 1));
        foreach (int version in new[] { 3, 4 })
            c.Note($"the old one asks for a new epoch, version {version}", await c.InitProducerAsync(id, id: old.Id, epoch: old.Epoch, version: version) is { } i ? i.Error : 0);
        c.Note("a future epoch", await c.EndAsync(id, heir with { Epoch = heir.Epoch + 5 }, commit: true));
        c.Note("the new one writes", (await c.WriteInTransactionAsync(id, heir, topic, 0, "heir"))!.Error);
        c.Note("the new one commits", await c.EndAsync(id, heir, commit: true));
        await c.SettleAsync(topic);
        ProducerIdentity bumped = await c.InitProducerAsync(id, id: heir.Id, epoch: heir.Epoch);
        c.Note("the new one asks for a further epoch", (bumped.Error, bumped.Id == heir.Id, bumped.Epoch - heir.Epoch));
        bumped = await c.InitProducerAsync(id, id: heir.Id, epoch: heir.Epoch);
        c.Note("and repeats the question", (bumped.Error, bumped.Id == heir.Id, bumped.Epoch - heir.Epoch));
        c.Note("aborted data is there", (await c.FetchAsync(topic, 0, committed: true))!.Aborted);
    }

    public static async Task TimeOut(Conversation c)
    {
        string topic = await c.CreateTopicAsync("time-out");
        const string id = "time-out-1";
        ProducerIdentity p = await c.InitProducerAsync(id, timeoutMs: 400);
        c.Note("write", await c.WriteInTransactionAsync(id, p, topic, 0, "late"));
        await c.SettleAsync(topic);
        c.Note("aborted by the broker", (await c.FetchAsync(topic, 0, committed: true))!.Aborted);
        c.Note("with a marker", await c.ReadToEndAsync(topic, 0));
        c.Note("the producer commits too late", await c.EndAsync(id, p, commit: true));
        c.Note("the producer adds too late", await c.AddPartitionsAsync(id, p, 1, (topic, 0)));
        WireBatch late = WireBatch.Of("b") with { ProducerId = p.Id, Epoch = p.Epoch, Sequence = 1, Transactional = true };
        c.Note("the producer writes too late", await c.ProduceAsync(topic, late, transactionalId: id));
        ProducerIdentity again = await c.InitProducerAsync(id, id: p.Id, epoch: p.Epoch);
        c.Note("the producer asks for a new epoch", (again.Error, again.Id == p.Id, again.Epoch - p.Epoch));
        again = await c.InitProducerAsync(id);
        c.Note("it starts anew", (again.Error, again.Id == p.Id, again.Epoch - p.Epoch));
    }

    public static async Task AbortedRanges(Conversation c)
    {
        string topic = await c.CreateTopicAsync("aborted");
        ProducerIdentity one = await c.InitProducerAsync("aborted-1"), two = await c.InitProducerAsync("aborted-2");
        await c.WriteInTransactionAsync("aborted-1", one, topic, 0, "a0");
        await c.WriteInTransactionAsync("aborted-2", two, topic, 0, "b0");
        await c.ProduceAsync(topic, WireBatch.Of("plain"));
        await c.EndAsync("aborted-2", two, commit: false);
        for (int i = 0; i < 40 && (await c.FetchAsync(topic, 3))!.HighWatermark < 4; i++)
            await Task.Delay(25);
        c.Note("one is open, its neighbour is aborted", await c.FetchAsync(topic, 0, committed: true));
        await c.WriteInTransactionAsync("aborted-1", one, topic, 1, "a1");
        await c.EndAsync("aborted-1", one, commit: false);
        await c.SettleAsync(topic);
        foreach (long from in new long[] { 0, 1, 2, 3, 4, 5, 6 })
        {
            Fetched? fetched = await c.FetchAsync(topic, from, committed: true);
            c.Note($"from {from}", await c.ReadToEndAsync(topic, from));
            c.Note($"aborted from {from}", (fetched!.Error, fetched.Aborted));
        }

        c.Note("aborted for the first batch only", (await c.FetchAsync(topic, 0, committed: true, maxBytes: 1))!.Aborted);
        c.Note("delete within an aborted transaction", await c.DeleteRecordsAsync(topic, 2));
        c.Note("aborted after deleting", (await c.FetchAsync(topic, 2, committed: true))!.Aborted);
    }

    public static async Task Offsets(Conversation c)
    {
        string topic = await c.CreateTopicAsync("staged");
        const string id = "staged-1", group = "staged";
        ProducerIdentity p = await c.InitProducerAsync(id);
        c.Note("before the group is added", await c.CommitInTransactionAsync(id, p, group, topic, 5));
        c.Note("add", await c.AddOffsetsAsync(id, p, group));
        c.Note("add again", await c.AddOffsetsAsync(id, p, group));
        c.Note("stage", await c.CommitInTransactionAsync(id, p, group, topic, 5));
        c.Note("not seen yet", await c.CommittedAsync(group, topic));
        c.Note("not stable", await c.CommittedAsync(group, topic, requireStable: true));
        c.Note("not stable, all", await c.CommittedAsync(group, null, requireStable: true));
        c.Note("unknown topic", await c.CommitInTransactionAsync(id, p, group, "nobody-made-me", 5));
        c.Note("a generation of nobody", await c.CommitInTransactionAsync(id, p, group, topic, 6, generation: 3, member: "nobody"));
        c.Note("a member of nobody", await c.CommitInTransactionAsync(id, p, group, topic, 6, member: "nobody"));
        c.Note("commit", await c.EndAsync(id, p, commit: true));
        await SettleOffsetsAsync(c, group, topic);
        c.Note("seen", await c.CommittedAsync(group, topic, requireStable: true));
        await c.AddOffsetsAsync(id, p, group);
        c.Note("stage again", await c.CommitInTransactionAsync(id, p, group, topic, 9));
        c.Note("the old one is told", await c.CommittedAsync(group, topic));
        c.Note("but not as stable", await c.CommittedAsync(group, topic, requireStable: true));
        c.Note("a plain commit meanwhile", await c.CommitAsync(group, topic, 7));
        c.Note("abort", await c.EndAsync(id, p, commit: false));
        await SettleOffsetsAsync(c, group, topic);
        c.Note("the plain one counts", await c.CommittedAsync(group, topic, requireStable: true));
        c.Note("group of offsets only", await c.DescribeGroupAsync(group));
    }

    public static async Task Inspection(Conversation c)
    {
        string topic = await c.CreateTopicAsync("inspected", 2);
        const string id = "inspected-1";
        c.Note("unknown transaction", await c.DescribeTransactionAsync("nobody"));
        c.Note("no transactional id", await c.DescribeTransactionAsync(""));
        ProducerIdentity p = await c.InitProducerAsync(id, timeoutMs: 50_000);
        c.Note("nothing begun", await c.DescribeTransactionAsync(id));
        c.Note("nobody wrote", await c.DescribeProducersAsync(topic));
        await c.WriteInTransactionAsync(id, p, topic, 0, "a", "b");
        c.Note("open", await c.DescribeTransactionAsync(id));
        c.Note("open, listed", await c.ListTransactionsAsync([], [p.Id]));
        c.Note("open, listed by its state", await c.ListTransactionsAsync(["Ongoing", "Empty"], [p.Id]));
        c.Note("not in that state", await c.ListTransactionsAsync(["CompleteCommit"], [p.Id]));
        c.Note("a state that is none", await c.ListTransactionsAsync(["Sleeping"], [p.Id]));
        c.Note("open for an hour", await c.ListTransactionsAsync([], [p.Id], durationMs: 3_600_000));
        c.Note("its producer", await c.DescribeProducersAsync(topic));
        c.Note("committed", await c.EndAsync(id, p, commit: true));
        await c.SettleAsync(topic);
        c.Note("its producer afterwards", await c.DescribeProducersAsync(topic));
        c.Note("partition without it", await c.DescribeProducersAsync(topic, 1));
        c.Note("unknown topic", await c.DescribeProducersAsync("nobody-made-me"));
    }

    private static async Task SettleOffsetsAsync(Conversation c, string group, string topic)
    {
        for (int i = 0; i < 200 && (await c.CommittedAsync(group, topic, requireStable: true)).Contains("error 88", StringComparison.Ordinal); i++)
            await Task.Delay(25);
    }
}
