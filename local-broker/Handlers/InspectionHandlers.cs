using Tally.LocalBroker.Coordinators;
using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Handlers;

/// <summary>Looking at producers and transactions from outside (KIP-664): what holds a committed reader back, and who.</summary>
internal sealed class InspectionHandlers(BrokerState state)
{
    public WireWriter DescribeProducers(RequestContext context)
    {
        WireReader reader = context.Reader();
        TopicPartitions[] topics = Key61DescribeProducers.Read(ref reader);
        WireWriter response = context.StartResponse();
        Key61DescribeProducers.Write(response, [.. topics.Select(t =>
            new Key61DescribeProducers.TopicResult(t.Name, [.. t.Partitions.Select(p => Describe(p, state.Topics.Find(t.Name, p)))]))]);
        return response;
    }

    public WireWriter DescribeTransactions(RequestContext context)
    {
        WireReader reader = context.Reader();
        string[] ids = Key65DescribeTransactions.Read(ref reader);
        WireWriter response = context.StartResponse();
        Key65DescribeTransactions.Write(response, [.. ids.Select(id => state.Transactions.Read(id, Describe)
            ?? Key65DescribeTransactions.TransactionInfo.Unknown(id.Length == 0 ? ErrorCode.InvalidRequest : ErrorCode.TransactionalIdNotFound, id))]);
        return response;
    }

    public WireWriter ListTransactions(RequestContext context)
    {
        WireReader reader = context.Reader();
        Key66ListTransactions.Request request = Key66ListTransactions.Read(ref reader, context.Version);
        string[] states = Enum.GetNames<TransactionStatus>();
        long startedBefore = request.DurationMs < 0
            ? long.MaxValue
            : state.Options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds() - request.DurationMs;
        var found = new List<(string, long, string)>();
        foreach (string id in state.Transactions.Ids)
        {
            if (state.Transactions.Read(id, Describe) is { } t
                && (request.States.Length == 0 || request.States.Contains(t.State, StringComparer.Ordinal))
                && (request.ProducerIds.Length == 0 || request.ProducerIds.Contains(t.ProducerId))
                && (request.DurationMs < 0 || (t.StartedAt >= 0 && t.StartedAt < startedBefore)))
                found.Add((id, t.ProducerId, t.State));
        }

        WireWriter response = context.StartResponse();
        Key66ListTransactions.Write(response, [.. request.States.Except(states, StringComparer.Ordinal)], found);
        return response;
    }

    private static Key65DescribeTransactions.TransactionInfo Describe(Transaction t) => new(
        ErrorCode.None, t.Id, t.Status.ToString(), t.TimeoutMs, t.Status is TransactionStatus.Ongoing || t.IsEnding ? t.StartedAt : -1, t.ProducerId, t.Epoch,
        [.. t.Partitions.GroupBy(p => p.Topic).Select(g => new TopicPartitions(g.Key, [.. g.Select(p => p.Partition).Order()]))]);

    private static Key61DescribeProducers.PartitionResult Describe(int index, PartitionLog? log) => log is null
        ? new Key61DescribeProducers.PartitionResult(index, ErrorCode.UnknownTopicOrPartition, [])
        : new Key61DescribeProducers.PartitionResult(index, ErrorCode.None, log.DescribeProducers(p =>
        {
            ProducedBatch? last = p.Batches.Count > 0 ? p.Batches[^1] : null;
            return new Key61DescribeProducers.Producer(p.ProducerId, p.Epoch, last?.LastSequence ?? -1, last?.Timestamp ?? -1, -1, p.TransactionFirstOffset);
        }));
}
