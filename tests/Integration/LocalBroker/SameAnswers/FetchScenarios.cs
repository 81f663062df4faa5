using System.Globalization;
using Tally.Tests.Support.Wire;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>Reading: places, limits, times.</summary>
internal static class FetchScenarios
{
    public static async Task Places(Conversation c)
    {
        string topic = await c.CreateTopicAsync("places");
        c.Note("empty", await c.FetchAsync(topic, 0));
        await c.ProduceAsync(topic, WireBatch.Of("a", "b", "c"));
        await c.ProduceAsync(topic, WireBatch.Of("d"));
        await c.ProduceAsync(topic, WireBatch.Of("e", "f"));
        foreach (long offset in new long[] { 0, 1, 3, 5, 6, 7, -1, 1000, long.MaxValue })
            c.Note($"from {offset.ToString(CultureInfo.InvariantCulture)}", await c.FetchAsync(topic, offset));
        c.Note("from 1, committed", await c.FetchAsync(topic, 1, committed: true));
        c.Note("at the end, committed", await c.FetchAsync(topic, 6, committed: true));
        c.Note("out of range, committed", await c.FetchAsync(topic, 7, committed: true));
        foreach (int version in new[] { 4, 5, 6, 7, 8, 9, 10, 11 })
            c.Note($"version {version}", await c.FetchAsync(topic, 3, version: version));
        c.Note("unknown topic", await c.FetchAsync("nobody-made-me", 0));
        c.Note("unknown topic, committed", await c.FetchAsync("nobody-made-me", 0, committed: true));
        c.Note("unknown partition", await c.FetchAsync(topic, 0, partition: 5));
        c.Note("leader epoch 0", await c.FetchAsync(topic, 0, leaderEpoch: 0));
        c.Note("leader epoch ahead", await c.FetchAsync(topic, 0, leaderEpoch: 3));
        c.Note("unknown session", await c.FetchAsync(topic, 0, session: 12345));
    }

    public static async Task Limits(Conversation c)
    {
        string topic = await c.CreateTopicAsync("fetch-limits");
        await c.ProduceAsync(topic, WireBatch.Of("a", "b", "c"));
        await c.ProduceAsync(topic, WireBatch.Of("d"));
        int first = WireBatch.Of("a", "b", "c").Build().Length;
        c.Note("one byte", await c.FetchAsync(topic, 0, maxBytes: 1));
        c.Note("one byte in all", await c.FetchAsync(topic, 0, totalBytes: 1));
        c.Note("no bytes", await c.FetchAsync(topic, 0, maxBytes: 0));
        c.Note("no bytes in all", await c.FetchAsync(topic, 0, totalBytes: 0));
        c.Note("just the first", await c.FetchAsync(topic, 0, maxBytes: first));
        c.Note("a little more than the first", await c.FetchAsync(topic, 0, maxBytes: first + 10));
        c.Note("in the middle, one byte", await c.FetchAsync(topic, 2, maxBytes: 1));
        c.Note("waits for more than there is", await c.FetchAsync(topic, 0, minBytes: 1 << 20, maxWaitMs: 50));
        c.Note("waits at the end", await c.FetchAsync(topic, 4, minBytes: 1, maxWaitMs: 50));
        c.Note("does not wait with an error", await c.FetchAsync(topic, 40, minBytes: 1, maxWaitMs: 15_000));
    }

    public static async Task Waking(Conversation c)
    {
        string topic = await c.CreateTopicAsync("waking");
        await c.ProduceAsync(topic, WireBatch.Of("a"));
        Conversation reader = await c.BesideAsync();
        Task<Fetched?> waiting = reader.FetchAsync(topic, 1, minBytes: 1, maxWaitMs: 15_000);
        await Task.Delay(100);
        await c.ProduceAsync(topic, WireBatch.Of("b"));
        c.Note("woken by an append", await waiting);
        ProducerIdentity p = await c.InitProducerAsync("waker");
        await c.WriteInTransactionAsync("waker", p, topic, 0, "t");
        waiting = reader.FetchAsync(topic, 2, committed: true, minBytes: 1, maxWaitMs: 15_000);
        await Task.Delay(100);
        c.Note("committed", await c.EndAsync("waker", p, commit: true));
        Fetched? woken = await waiting;
        c.Note("woken by the end of a transaction", (woken!.Error, woken.LastStable, woken.Batches.Contains("t=value of t", StringComparison.Ordinal)));
        c.Note("all of it", await c.ReadToEndAsync(topic, 2));
    }

    public static async Task OffsetsByTime(Conversation c)
    {
        string topic = await c.CreateTopicAsync("by-time");
        c.Note("empty, latest", await c.ListOffsetsAsync(topic, -1));
        c.Note("empty, earliest", await c.ListOffsetsAsync(topic, -2));
        c.Note("empty, by time", await c.ListOffsetsAsync(topic, 0));
        const long T = 1_700_000_000_000;
        await c.ProduceAsync(topic, WireBatch.Of("a", "b", "c") with { Timestamp = T, TimestampStep = 10 });
        await c.ProduceAsync(topic, WireBatch.Of("d", "e") with { Timestamp = T + 100, TimestampStep = 10 });
        await c.ProduceAsync(topic, WireBatch.Of("late") with { Timestamp = T + 5 });
        foreach (long at in new[] { 0, T, T + 1, T + 20, T + 21, T + 110, T + 111 })
            c.Note($"at {at - T}", await c.ListOffsetsAsync(topic, at));
        foreach (int version in new[] { 1, 2, 3, 4, 5 })
            c.Note($"version {version}", version == 1 ? null : await c.ListOffsetsAsync(topic, T + 10, version: version));
        c.Note("latest", await c.ListOffsetsAsync(topic, -1));
        c.Note("latest, committed", await c.ListOffsetsAsync(topic, -1, committed: true));
        c.Note("earliest", await c.ListOffsetsAsync(topic, -2));
        c.Note("largest time in an old version", await c.ListOffsetsAsync(topic, -3));
        c.Note("a negative time that means nothing", await c.ListOffsetsAsync(topic, -20));
        c.Note("unknown topic", await c.ListOffsetsAsync("nobody-made-me", -1));
        c.Note("unknown partition", await c.ListOffsetsAsync(topic, -1, partition: 7));
        c.Note("leader epoch ahead", await c.ListOffsetsAsync(topic, -1, leaderEpoch: 5));
        c.Note("largest time", await c.ListOffsetsAsync(topic, -3, version: 7));
        c.Note("version 6", await c.ListOffsetsAsync(topic, T + 10, version: 6));
        c.Note("largest time of nothing", await c.ListOffsetsAsync(await c.CreateTopicAsync("by-time-empty"), -3, version: 7));
        c.Note("delete to 2", await c.DeleteRecordsAsync(topic, 2));
        c.Note("earliest after deleting", await c.ListOffsetsAsync(topic, -2));
        c.Note("by time before the start", await c.ListOffsetsAsync(topic, T));
    }

    public static async Task DeletedRecords(Conversation c)
    {
        string topic = await c.CreateTopicAsync("deleted");
        await c.ProduceAsync(topic, WireBatch.Of("a", "b", "c", "d"));
        c.Note("to 2, within a batch", await c.DeleteRecordsAsync(topic, 2));
        c.Note("back to 1", await c.DeleteRecordsAsync(topic, 1));
        c.Note("beyond the end", await c.DeleteRecordsAsync(topic, 9));
        c.Note("negative", await c.DeleteRecordsAsync(topic, -5));
        c.Note("fetch below the start", await c.FetchAsync(topic, 1));
        c.Note("fetch at the start", await c.FetchAsync(topic, 2));
        c.Note("all", await c.DeleteRecordsAsync(topic, -1));
        c.Note("fetch of what is left", await c.FetchAsync(topic, 4));
        c.Note("write again", await c.ProduceAsync(topic, WireBatch.Of("e")));
        c.Note("fetch of the new one", await c.FetchAsync(topic, 4));
        c.Note("unknown topic", await c.DeleteRecordsAsync("nobody-made-me", 0));
        c.Note("unknown partition", await c.DeleteRecordsAsync(topic, 0, partition: 4));
        c.Note("epoch 0", await c.LeaderEpochAsync(topic, -1, 0));
        c.Note("epoch 0, current 0", await c.LeaderEpochAsync(topic, 0, 0));
        c.Note("epoch unknown", await c.LeaderEpochAsync(topic, -1, 4));
        c.Note("epoch negative", await c.LeaderEpochAsync(topic, -1, -1));
        c.Note("current epoch ahead", await c.LeaderEpochAsync(topic, 4, 0));
        c.Note("epoch of an unknown topic", await c.LeaderEpochAsync("nobody-made-me", -1, 0));
    }
}
