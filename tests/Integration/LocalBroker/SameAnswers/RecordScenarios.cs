using Tally.Tests.Support.Wire;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>Writing and reading records.</summary>
internal static class RecordScenarios
{
    public static async Task Sequences(Conversation c)
    {
        string topic = await c.CreateTopicAsync("sequences");
        ProducerIdentity p = await c.InitProducerAsync();
        WireBatch At(int sequence, params string[] keys) => WireBatch.Of(keys) with { ProducerId = p.Id, Epoch = p.Epoch, Sequence = sequence };
        for (int i = 0; i < 6; i++)
            c.Note($"batch {i}", await c.ProduceAsync(topic, At(i * 2, "a", "b")));
        c.Note("oldest of the last five again", await c.ProduceAsync(topic, At(2, "a", "b")));
        c.Note("newest again", await c.ProduceAsync(topic, At(10, "a", "b")));
        c.Note("sixth back again", await c.ProduceAsync(topic, At(0, "a", "b")));
        c.Note("same first, other last sequence", await c.ProduceAsync(topic, At(10, "a", "b", "c")));
        c.Note("gap", await c.ProduceAsync(topic, At(13, "a")));
        c.Note("next epoch, not from 0", await c.ProduceAsync(topic, At(5, "a") with { Epoch = p.Epoch + 1 }));
        c.Note("next epoch from 0", await c.ProduceAsync(topic, At(0, "a") with { Epoch = p.Epoch + 1 }));
        c.Note("old epoch", await c.ProduceAsync(topic, At(12, "a")));
        c.Note("unknown producer, any sequence", await c.ProduceAsync(topic, At(7, "a") with { ProducerId = p.Id + 1_000_000 }));
        c.Note("unknown producer goes on", await c.ProduceAsync(topic, At(8, "a") with { ProducerId = p.Id + 1_000_000 }));
        c.Note("producer without a sequence", await c.ProduceAsync(topic, At(-1, "a")));
        c.Note("sequence without a producer", await c.ProduceAsync(topic, WireBatch.Of("a") with { Sequence = 3 }));
        c.Note("highest sequence", await c.ProduceAsync(topic, At(int.MaxValue, "a") with { ProducerId = p.Id + 2_000_000 }));
        c.Note("after the highest comes 0", await c.ProduceAsync(topic, At(0, "a") with { ProducerId = p.Id + 2_000_000 }));
        c.Note("in a partition that does not know it yet", await c.ProduceAsync(await c.CreateTopicAsync("sequences-2"), At(4, "a")));
        c.Note("what is there", await c.FetchAsync(topic, 0));
    }

    public static async Task Initialisation(Conversation c)
    {
        ProducerIdentity first = await c.InitProducerAsync();
        c.Note("new", c.Show(first));
        c.Note("another", c.Show(await c.InitProducerAsync()));
        c.Note("without an id it names its old one", c.Show(await c.InitProducerAsync(id: first.Id, epoch: first.Epoch)));
        c.Note("empty transactional id", c.Show(await c.InitProducerAsync("")));
        c.Note("time-out above the limit", c.Show(await c.InitProducerAsync("init-1", timeoutMs: 100_000_000)));
        c.Note("time-out 0", c.Show(await c.InitProducerAsync("init-1", timeoutMs: 0)));
        c.Note("id without an epoch", c.Show(await c.InitProducerAsync("init-1", id: 5)));
        c.Note("epoch without an id", c.Show(await c.InitProducerAsync("init-1", epoch: 5)));
        c.Note("unknown transactional id names a producer", c.Show(await c.InitProducerAsync("init-2", id: 77_777, epoch: 3)));
    }

    public static async Task CorruptBatches(Conversation c)
    {
        string topic = await c.CreateTopicAsync("corrupt");
        WireBatch good = WireBatch.Of("a", "b");
        foreach (int version in new[] { 3, 7, 8 })
            c.Note($"wrong checksum, version {version}", await c.ProduceAsync(topic, good with { WrongCrc = true }, version));
        c.Note("magic 1", await c.ProduceAsync(topic, good with { Magic = 1 }));
        c.Note("magic 3", await c.ProduceAsync(topic, good with { Magic = 3 }));
        c.Note("count too high", await c.ProduceAsync(topic, good with { Count = 3 }));
        c.Note("count too low", await c.ProduceAsync(topic, good with { Count = 1 }));
        c.Note("count 0", await c.ProduceAsync(topic, good with { Count = 0, LastOffsetDelta = 0, Body = [] }));
        c.Note("last offset delta too high", await c.ProduceAsync(topic, good with { LastOffsetDelta = 7 }));
        c.Note("negative last offset delta", await c.ProduceAsync(topic, good with { LastOffsetDelta = -1 }));
        c.Note("length beyond the end", await c.ProduceAsync(topic, good with { BatchLength = 5000 }));
        c.Note("length too small", await c.ProduceAsync(topic, good with { BatchLength = 20 }));
        c.Note("control batch of a client", await c.ProduceAsync(topic, good with { Attributes = 0x20 }));
        c.Note("codec 7", await c.ProduceAsync(topic, good with { Attributes = 7 }));
        c.Note("two batches", await c.ProduceBytesAsync(topic, [.. good.Build(), .. good.Build()]));
        c.Note("no bytes", await c.ProduceBytesAsync(topic, []));
        c.Note("half a header", await c.ProduceBytesAsync(topic, good.Build()[..30]));
        c.Note("bytes behind the batch", await c.ProduceBytesAsync(topic, [.. good.Build(), 1, 2, 3]));
        c.Note("base offset of the client's own", await c.ProduceAsync(topic, good with { BaseOffset = 500 }));
        c.Note("zstd before version 7", await c.ProduceAsync(topic, good with { Attributes = 4 }, version: 6));
        c.Note("a good one after all", await c.ProduceAsync(await c.CreateTopicAsync("corrupt-2"), good));
        string inside = await c.CreateTopicAsync("corrupt-inside");
        c.Note("records missing, checksum right", await c.ProduceAsync(inside, good with { Count = 5, LastOffsetDelta = 4 }));
        c.Note("not gzip, checksum right", await c.ProduceAsync(inside, good with { Attributes = 1 }));
    }

    public static async Task Codecs(Conversation c)
    {
        string compacted = await c.CreateTopicAsync("codecs-compacted", 1, ("cleanup.policy", "compact"));
        for (int codec = 0; codec <= 4; codec++)
        {
            string topic = await c.CreateTopicAsync($"codecs-{codec}");
            WireBatch batch = WireBatch.Of("a", "b", "c", "d") with { Timestamp = 1_700_000_000_000, TimestampStep = 1000 };
            c.Note($"codec {codec}", await c.ProduceAsync(topic, batch.In(codec)));
            c.Note($"codec {codec} again", await c.ProduceAsync(topic, (batch with { Timestamp = 1_700_000_010_000 }).In(codec)));
            foreach (long time in new[] { 0L, 1_700_000_001_000, 1_700_000_002_500, 1_700_000_005_000, 1_700_000_012_000, 1_700_000_099_000 })
                c.Note($"codec {codec}, offset at {time}", await c.ListOffsetsAsync(topic, time));
            c.Note($"codec {codec}, from the middle of a batch", await c.FetchAsync(topic, 5));
            c.Note($"codec {codec}, keys", await c.ProduceAsync(compacted, batch.In(codec)));
            c.Note($"codec {codec}, no key", await c.ProduceAsync(compacted, new WireBatch { Records = [("k", "a value of some length"), (null, "another value")] }.In(codec)));
        }
    }

    public static async Task SizesAndTimes(Conversation c)
    {
        string topic = await c.CreateTopicAsync("limits", 1, ("max.message.bytes", "2000"));
        WireBatch Sized(int bytes) => new() { Records = [("k", new string('x', bytes))] };
        c.Note("fits", await c.ProduceAsync(topic, Sized(1900)));
        c.Note("too large", await c.ProduceAsync(topic, Sized(2000)));
        c.Note("too large and broken", await c.ProduceAsync(topic, Sized(2000) with { WrongCrc = true }));
        string plain = await c.CreateTopicAsync("limits-default");
        c.Note("above the default size", await c.ProduceAsync(plain, Sized(1_048_588)));
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        c.Note("two hours ahead", await c.ProduceAsync(plain, WireBatch.Of("a") with { Timestamp = now + 7_200_000 }));
        c.Note("half an hour ahead", await c.ProduceAsync(plain, WireBatch.Of("a") with { Timestamp = now + 1_800_000 }));
        c.Note("ten years back", await c.ProduceAsync(plain, WireBatch.Of("a") with { Timestamp = now - (10L * 365 * 86_400_000) }));
        c.Note("no timestamp", await c.ProduceAsync(plain, WireBatch.Of("a") with { Timestamp = -1 }));
        string limited = await c.CreateTopicAsync("limits-time", 1, ("message.timestamp.before.max.ms", "60000"), ("message.timestamp.after.max.ms", "60000"));
        c.Note("before the limit", await c.ProduceAsync(limited, WireBatch.Of("a") with { Timestamp = now - 120_000 }));
        c.Note("only the last record is in time", await c.ProduceAsync(limited, WireBatch.Of("a", "b") with { Timestamp = now - 120_000, TimestampStep = 120_000 }));
        c.Note("in time", await c.ProduceAsync(limited, WireBatch.Of("a") with { Timestamp = now }));
    }

    public static async Task CompactedTopics(Conversation c)
    {
        string topic = await c.CreateTopicAsync("compacted", 1, ("cleanup.policy", "compact"));
        c.Note("keys", await c.ProduceAsync(topic, WireBatch.Of("a", "b")));
        c.Note("no key", await c.ProduceAsync(topic, new WireBatch { Records = [(null, "v")] }));
        c.Note("second without a key", await c.ProduceAsync(topic, new WireBatch { Records = [("k", "v"), (null, "v")] }));
        c.Note("second without a key, version 7", await c.ProduceAsync(topic, new WireBatch { Records = [("k", "v"), (null, "v")] }, version: 7));
        c.Note("empty key", await c.ProduceAsync(topic, new WireBatch { Records = [("", "v")] }));
        c.Note("tombstone", await c.ProduceAsync(topic, new WireBatch { Records = [("a", null)] }));
        c.Note("records that do not parse", await c.ProduceAsync(topic, WireBatch.Of("a") with { Body = [0xff, 0xff, 0xff, 0xff, 0x0f] }));
        c.Note("what is there", await c.FetchAsync(topic, 0));
    }

    public static async Task AppendTime(Conversation c)
    {
        string topic = await c.CreateTopicAsync("append-time", 1, ("message.timestamp.type", "LogAppendTime"));
        ProducerIdentity p = await c.InitProducerAsync();
        WireBatch batch = WireBatch.Of("a", "b") with { ProducerId = p.Id, Epoch = p.Epoch, Sequence = 0 };
        c.Note("stamped", await c.ProduceAsync(topic, batch));
        c.Note("again", await c.ProduceAsync(topic, batch));
        c.Note("far ahead", await c.ProduceAsync(topic, WireBatch.Of("a") with { Timestamp = 33_000_000_000_000 }));
        c.Note("what is there", await c.FetchAsync(topic, 0));
        c.Note("by time, after it all", await c.ListOffsetsAsync(topic, 30_000_000_000_000));
    }

    public static async Task ProduceAddresses(Conversation c)
    {
        string topic = await c.CreateTopicAsync("addresses");
        c.Note("unknown topic", await c.ProduceAsync("nobody-made-me", WireBatch.Of("a")));
        c.Note("invalid topic name", await c.ProduceAsync("not a name", WireBatch.Of("a")));
        c.Note("unknown partition", await c.ProduceAsync(topic, WireBatch.Of("a"), partition: 9));
        c.Note("negative partition", await c.ProduceAsync(topic, WireBatch.Of("a"), partition: -1));
        c.Note("acks 1", await c.ProduceAsync(topic, WireBatch.Of("a"), acks: 1));
        c.Note("acks 2", await c.ProduceAsync(topic, WireBatch.Of("a"), acks: 2));
        c.Note("acks -2", await c.ProduceAsync(topic, WireBatch.Of("a"), acks: -2));
        await c.ProduceWithoutAnswerAsync(topic, WireBatch.Of("a"));
        c.Note("after acks 0", await c.ListOffsetsAsync(topic, -1));
        foreach (int version in new[] { 3, 4, 5, 6, 7, 8 })
            c.Note($"version {version}", await c.ProduceAsync(topic, WireBatch.Of("a"), version));
        c.Note("transactional id on a plain batch", await c.ProduceAsync(topic, WireBatch.Of("a"), transactionalId: "somebody"));
        c.Note("transactional batch without a transactional id", await c.ProduceAsync(topic, WireBatch.Of("a") with { Transactional = true, ProducerId = 1, Epoch = 0, Sequence = 0 }));
    }
}
