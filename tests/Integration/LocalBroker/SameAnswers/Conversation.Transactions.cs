using System.Globalization;
using Tally.Tests.Support.Wire;

namespace Tally.Tests.Integration.LocalBroker.SameAnswers;

/// <summary>A producer's identity as the broker gave it.</summary>
internal readonly record struct ProducerIdentity(int Error, long Id, int Epoch);

/// <summary>Producers and transactions.</summary>
internal sealed partial class Conversation
{
    public async Task<ProducerIdentity> InitProducerAsync(
        string? transactionalId = null, int timeoutMs = 60_000, long id = -1, int epoch = -1, int version = 4, bool patient = true)
    {
        async Task<ProducerIdentity> Ask()
        {
            WireAnswer? answer = await AskAsync(22, version, r =>
            {
                r.Text(transactionalId).Int32(timeoutMs);
                if (version >= 3)
                    r.Int64(id).Int16(epoch);
            });
            answer!.Int32();
            var identity = new ProducerIdentity(answer.Int16(), answer.Int64(), answer.Int16());
            answer.End();
            Name("producer", identity.Id.ToString(CultureInfo.InvariantCulture));
            return identity;
        }

        return patient ? await PatientlyAsync(Ask, i => i.Error) : await Ask();
    }

    /// <summary>An identity with the id replaced by a name.</summary>
    public string Show(ProducerIdentity identity) =>
        $"error {identity.Error} {Name("producer", identity.Id.ToString(CultureInfo.InvariantCulture))} epoch {identity.Epoch}";

    /// <summary>One error for each partition, in the order asked.</summary>
    public async Task<string> AddPartitionsAsync(string transactionalId, ProducerIdentity producer, int version, params (string Topic, int Partition)[] partitions)
    {
        (string text, _) = await PatientlyAsync(
            async () =>
            {
                WireAnswer? answer = await AskAsync(24, version, r => r.Text(transactionalId).Int64(producer.Id).Int16(producer.Epoch)
                    .Array(partitions, p => r.Text(p.Topic).Array([p.Partition], i => r.Int32(i))));
                return ReadPartitionErrors(answer!);
            },
            a => a.First);
        return text;
    }

    public async Task<int> AddOffsetsAsync(string transactionalId, ProducerIdentity producer, string group, int version = 1) => await PatientlyAsync(
        async () =>
        {
            WireAnswer? answer = await AskAsync(25, version, r => r.Text(transactionalId).Int64(producer.Id).Int16(producer.Epoch).Text(group));
            answer!.Int32();
            int error = answer.Int16();
            answer.End();
            return error;
        },
        e => e);

    public async Task<int> EndAsync(string transactionalId, ProducerIdentity producer, bool commit, int version = 1) => await PatientlyAsync(
        async () =>
        {
            WireAnswer? answer = await AskAsync(26, version, r => r.Text(transactionalId).Int64(producer.Id).Int16(producer.Epoch).Bool(commit));
            answer!.Int32();
            int error = answer.Int16();
            answer.End();
            return error;
        },
        e => e);

    public async Task<string> CommitInTransactionAsync(
        string transactionalId, ProducerIdentity producer, string group, string topic, long offset, int generation = -1, string member = "", int version = 3)
    {
        (string text, _) = await PatientlyAsync(
            async () =>
            {
                WireAnswer? answer = await AskAsync(28, version, r =>
                {
                    r.Text(transactionalId).Text(group).Int64(producer.Id).Int16(producer.Epoch);
                    if (version >= 3)
                        r.Int32(generation).Text(member).Text(null);
                    r.Structs([topic], t => r.Text(t).Structs([0], p =>
                    {
                        r.Int32(p).Int64(offset);
                        if (version >= 2)
                            r.Int32(-1);
                        r.Text("from a transaction");
                    }));
                });
                return ReadPartitionErrors(answer!);
            },
            a => a.First);
        return text;
    }

    /// <summary>Begins a transaction in one partition and writes one batch.</summary>
    public async Task<Produced?> WriteInTransactionAsync(string transactionalId, ProducerIdentity producer, string topic, int sequence, params string[] keys)
    {
        await AddPartitionsAsync(transactionalId, producer, 1, (topic, 0));
        WireBatch batch = WireBatch.Of(keys) with { ProducerId = producer.Id, Epoch = producer.Epoch, Sequence = sequence, Transactional = true };
        return await ProduceAsync(topic, batch, transactionalId: transactionalId);
    }

    public async Task<string> DescribeTransactionAsync(string transactionalId)
    {
        WireAnswer? answer = await AskAsync(65, 0, r => r.Array([transactionalId], t => r.Text(t)));
        answer!.Int32();
        string text = List(answer.Structs(() =>
        {
            (short error, string? id, string? state, int timeout, long start) = (answer.Int16(), answer.Text(), answer.Text(), answer.Int32(), answer.Int64());
            string producer = Name("producer", answer.Int64().ToString(CultureInfo.InvariantCulture));
            return $"error {error} {id} state '{state}' time-out {timeout} begun {start > 0} {producer} epoch {answer.Int16()} "
                + List(answer.Structs(() => $"{answer.Text()}:{List(answer.Array(answer.Int32))}"));
        }));
        answer.End();
        return text;
    }

    public async Task<string> ListTransactionsAsync(string[] states, long[] producers, long durationMs = -1)
    {
        WireAnswer? answer = await AskAsync(66, 1, r => r.Array(states, s => r.Text(s)).Array(producers, p => r.Int64(p)).Int64(durationMs));
        answer!.Int32();
        string text = $"error {answer.Int16()} unknown {List(answer.Array(answer.Text))} "
            + List(answer.Structs(() => $"{answer.Text()} {Name("producer", answer.Int64().ToString(CultureInfo.InvariantCulture))} {answer.Text()}").Order(StringComparer.Ordinal));
        answer.End();
        return text;
    }

    public async Task<string> DescribeProducersAsync(string topic, int partition = 0)
    {
        WireAnswer? answer = await AskAsync(61, 0, r => r.Structs([topic], t => r.Text(t).Array([partition], p => r.Int32(p))));
        answer!.Int32();
        string text = List(answer.Structs(() => answer.Text() + ": " + List(answer.Structs(() =>
        {
            answer.Int32();
            int error = answer.Int16();
            answer.Text();
            return $"error {error} " + List(answer.Structs(() =>
            {
                string producer = Name("producer", answer.Int64().ToString(CultureInfo.InvariantCulture));
                (int epoch, int sequence, long time, _, long start) = (answer.Int32(), answer.Int32(), answer.Int64(), answer.Int32(), answer.Int64());
                return $"{producer} epoch {epoch} sequence {sequence} seen {time > 0} transaction from {start}";
            }).Order(StringComparer.Ordinal));
        }))));
        answer.End();
        return text;
    }

    private static (string Text, int First) ReadPartitionErrors(WireAnswer answer)
    {
        var errors = new List<int>();
        answer.Int32();
        List<string> topics = answer.Structs(() => $"{answer.Text()}:" + string.Join(',', answer.Structs(() =>
        {
            int partition = answer.Int32();
            errors.Add(answer.Int16());
            return $"{partition}={errors[^1]}";
        })));
        answer.End();
        return (List(topics.Order(StringComparer.Ordinal)), errors.FirstOrDefault(e => e != 0));
    }
}
