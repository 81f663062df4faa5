using Tally.Tests.Support.Wire;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>Answer to Produce, as far as two brokers can be held against each other.</summary>
internal sealed record Produced(int Error, long BaseOffset, bool HasAppendTime, long LogStart);

/// <summary>Answer to Fetch for one partition.</summary>
internal sealed record Fetched(int TopError, int Error, long HighWatermark, long LastStable, long LogStart, string Aborted, string Batches, long Next)
{
    public override string ToString() => $"top error {TopError} error {Error} high {HighWatermark} stable {LastStable} start {LogStart} aborted {Aborted} {Batches}";
}

/// <summary>Records: Produce, Fetch, ListOffsets, DeleteRecords, OffsetForLeaderEpoch.</summary>
internal sealed partial class Conversation
{
    public Task<Produced?> ProduceAsync(string topic, WireBatch batch, int version = 8, string? transactionalId = null, int acks = -1, int partition = 0) =>
        ProduceBytesAsync(topic, batch.Build(), version, transactionalId, acks, partition);

    public async Task<Produced?> ProduceBytesAsync(
        string topic, byte[]? records, int version = 8, string? transactionalId = null, int acks = -1, int partition = 0) => await PatientlyAsync(
        async () =>
        {
            Produced? produced = null;
            if (await AskAsync(0, version, r => WriteProduce(r, topic, records, transactionalId, acks, partition)) is not { } answer)
                return null;
            answer.Structs(() => (answer.Text(), answer.Structs(() =>
            {
                answer.Int32();
                (short error, long offset, long time) = (answer.Int16(), answer.Int64(), answer.Int64());
                long start = version >= 5 ? answer.Int64() : -2;
                if (version >= 8)
                    answer.Structs(() => (answer.Int32(), answer.Text()));
                if (version >= 8)
                    answer.Text();
                return produced = new Produced(error, offset, time >= 0, start);
            })));
            answer.Int32();
            answer.End();
            return produced;
        },
        p => p?.Error ?? 0);

    public Task ProduceWithoutAnswerAsync(string topic, WireBatch batch) => SendAsync(0, 8, r => WriteProduce(r, topic, batch.Build(), null, 0, 0));

    public async Task<Fetched?> FetchAsync(
        string topic, long offset, bool committed = false, int maxBytes = 1 << 20, int partition = 0, int leaderEpoch = -1, int session = 0,
        int minBytes = 0, int maxWaitMs = 0, int version = 11, int totalBytes = 1 << 20)
    {
        if (await AskAsync(1, version, r => WriteFetch(r, topic, (partition, offset, maxBytes, leaderEpoch), committed, session, (minBytes, maxWaitMs, totalBytes), version)) is not { } answer)
            return null;
        Fetched? fetched = null;
        answer.Int32();
        int topError = version >= 7 ? answer.Int16() : 0;
        if (version >= 7)
            answer.Int32();
        answer.Structs(() => (answer.Text(), answer.Structs(() =>
        {
            answer.Int32();
            short error = answer.Int16();
            long high = answer.Int64(), stable = answer.Int64(), start = version >= 5 ? answer.Int64() : -2;
            List<string>? aborted = answer.NullableArray(() => $"{Name("producer", answer.Int64().ToString(System.Globalization.CultureInfo.InvariantCulture))} from {answer.Int64()}");
            if (version >= 11)
                answer.Int32();
            // Kafka lists them by their ends, local-broker by their beginnings; clients take any order.
            fetched = new Fetched(topError, error, high, stable, start, List(aborted?.Order(StringComparer.Ordinal)), List(WireBatch.Describe(answer.Bytes(), out long next)), next);
            return fetched;
        })));
        answer.End();
        return fetched ?? new Fetched(topError, 0, 0, 0, 0, "no partitions", "", -1);
    }

    /// <summary>Everything from the offset to the end of what the reader may see: an answer may hold less than there is.</summary>
    public async Task<string> ReadToEndAsync(string topic, long offset, bool committed = true)
    {
        var batches = new List<string>();
        for (int i = 0; i < Attempts; i++)
        {
            Fetched? fetched = await FetchAsync(topic, offset, committed);
            if (fetched!.Next >= 0)
                offset = fetched.Next;
            batches.Add(fetched.Batches[1..^1]);
            if (offset >= (committed ? fetched.LastStable : fetched.HighWatermark))
                break;
        }

        return List(batches.Where(b => b.Length > 0));
    }

    /// <summary>Error, timestamp and offset.</summary>
    public async Task<string?> ListOffsetsAsync(string topic, long timestamp, bool committed = false, int partition = 0, int leaderEpoch = -1, int version = 5)
    {
        (int Error, string Text)? listed = await PatientlyAsync<(int Error, string Text)?>(
            async () =>
            {
                if (await AskAsync(2, version, r => WriteListOffsets(r, topic, partition, leaderEpoch, timestamp, committed, version)) is not { } answer)
                    return null;
                (int, string) found = default;
                answer.Int32();
                answer.Structs(() => (answer.Text(), answer.Structs(() =>
                {
                    answer.Int32();
                    short error = answer.Int16();
                    long time = answer.Int64(), offset = answer.Int64();
                    return found = (error, $"error {error} timestamp {time} offset {offset} epoch {(version >= 4 ? answer.Int32() : -2)}");
                })));
                answer.End();
                return found;
            },
            l => l?.Error ?? 0);
        return listed?.Text;
    }

    /// <summary>Waits until every transaction of the partition has its marker: Kafka writes them behind the answer to EndTxn.</summary>
    public async Task SettleAsync(string topic)
    {
        for (int i = 0; i < Attempts; i++)
        {
            if (await ListOffsetsAsync(topic, -1, committed: true) == await ListOffsetsAsync(topic, -1))
                return;
            await Task.Delay(Pause);
        }

        Assert.Fail($"the transactions of {topic} did not end");
    }

    public async Task<string> DeleteRecordsAsync(string topic, long offset, int partition = 0)
    {
        string text = "";
        WireAnswer? answer = await AskAsync(21, 1, r => r.Array([topic], t => r.Text(t).Array([partition], p => r.Int32(p).Int64(offset))).Int32(5000));
        answer!.Int32();
        answer.Array(() => (answer.Text(), answer.Array(() =>
        {
            answer.Int32();
            long low = answer.Int64();
            return text = $"low {low} error {answer.Int16()}";
        })));
        answer.End();
        return text;
    }

    public async Task<string> LeaderEpochAsync(string topic, int currentEpoch, int epoch, int partition = 0)
    {
        string text = "";
        WireAnswer? answer = await AskAsync(23, 3, r => r.Int32(-1).Array([topic], t => r.Text(t).Array([partition], p => r.Int32(p).Int32(currentEpoch).Int32(epoch))));
        answer!.Int32();
        answer.Array(() => (answer.Text(), answer.Array(() =>
        {
            short error = answer.Int16();
            answer.Int32();
            return text = $"error {error} epoch {answer.Int32()} end {answer.Int64()}";
        })));
        answer.End();
        return text;
    }

    private static void WriteProduce(WireRequest request, string topic, byte[]? records, string? transactionalId, int acks, int partition) => request
        .Text(transactionalId).Int16(acks).Int32(5000)
        .Structs([topic], t => request.Text(t).Structs([partition], p => request.Int32(p).Bytes(records)));

    private static void WriteFetch(
        WireRequest request, string topic, (int Index, long Offset, int MaxBytes, int LeaderEpoch) partition, bool committed, int session,
        (int MinBytes, int MaxWaitMs, int TotalBytes) limits, int version)
    {
        request.Int32(-1).Int32(limits.MaxWaitMs).Int32(limits.MinBytes).Int32(limits.TotalBytes).Int8(committed ? 1 : 0);
        if (version >= 7)
            request.Int32(session).Int32(session == 0 ? -1 : 1);
        request.Structs([topic], t => request.Text(t).Structs([partition], p =>
        {
            request.Int32(p.Index);
            if (version >= 9)
                request.Int32(p.LeaderEpoch);
            request.Int64(p.Offset);
            if (version >= 5)
                request.Int64(-1);
            request.Int32(p.MaxBytes);
        }));
        if (version >= 7)
            request.Int32(0);
        if (version >= 11)
            request.Text("");
    }

    private static void WriteListOffsets(WireRequest request, string topic, int partition, int leaderEpoch, long timestamp, bool committed, int version)
    {
        request.Int32(-1);
        if (version >= 2)
            request.Int8(committed ? 1 : 0);
        request.Structs([topic], t => request.Text(t).Structs([partition], p =>
        {
            request.Int32(p);
            if (version >= 4)
                request.Int32(leaderEpoch);
            request.Int64(timestamp);
        }));
    }
}
