using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;
using Tally.LocalBroker.Storage;

namespace Tally.LocalBroker.Handlers;

/// <summary>Produce: validates each batch, appends it, and answers once it is as durable as the flush policy promises.</summary>
internal sealed class ProduceHandler(BrokerState state)
{
    public async ValueTask<WireWriter?> HandleAsync(RequestContext context)
    {
        Key00Produce.Request request = Read(context);
        var results = new Key00Produce.PartitionResult[request.Topics.Length][];
        List<(PartitionLog Log, int Topic, int Partition)>? appended = state.Flush.IsGroup ? [] : null;
        for (int i = 0; i < results.Length; i++)
        {
            Key00Produce.TopicData data = request.Topics[i];
            Topic? topic = state.Topics.Find(data.Name);
            results[i] = new Key00Produce.PartitionResult[data.Partitions.Length];
            for (int j = 0; j < data.Partitions.Length; j++)
            {
                PartitionLog? log = topic?.Find(data.Partitions[j].Index);
                results[i][j] = Append(context, request, topic, log, data.Partitions[j]);
                if (results[i][j].Error == ErrorCode.None)
                    appended?.Add((log!, i, j));
            }
        }

        if (appended is { Count: > 0 })
        {
            await state.Flush.WhenDurableAsync();
            foreach ((PartitionLog log, int i, int j) in appended)
            {
                if (log.IsFailed)
                    results[i][j] = new Key00Produce.PartitionResult(results[i][j].Index, ErrorCode.KafkaStorageError);
            }
        }

        if (request.Acks == 0)
            return null;
        WireWriter response = context.StartResponse();
        Key00Produce.Write(response, context.Version, request.Topics, results);
        return response;
    }

    private static Key00Produce.Request Read(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key00Produce.Read(ref reader, context.Version);
    }

    private Key00Produce.PartitionResult Append(
        RequestContext context, Key00Produce.Request request, Topic? topic, PartitionLog? log, Key00Produce.PartitionData data)
    {
        if (request.Acks is not (-1 or 0 or 1))
            return new Key00Produce.PartitionResult(data.Index, ErrorCode.InvalidRequiredAcks);
        if (topic is null || log is null)
            return new Key00Produce.PartitionResult(data.Index, ErrorCode.UnknownTopicOrPartition);
        Span<byte> batch = data.Records is { } range ? context.Body.Span[range] : [];
        long now = state.Options.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds();
        (ErrorCode error, string? message) = BatchValidation.Check(batch, context.Version, log.Config, now, out BatchHeader header);
        if (error == ErrorCode.None && header.IsTransactional && request.TransactionalId is null)
            error = ErrorCode.TransactionalIdAuthorizationFailed;
        if (error != ErrorCode.None)
        {
            // As Kafka does: where the bytes were a batch but its records are wrong, the start of the log is told too.
            bool looked = header.Magic == 2 && error is (ErrorCode.InvalidRecord or ErrorCode.InvalidTimestamp);
            long start = looked ? log.Offsets.Start : -1;
            return new Key00Produce.PartitionResult(data.Index, error, LogStartOffset: start, Message: message);
        }

        AppendResult result = header.IsTransactional
            ? state.Transactions.Append(request.TransactionalId!, log, batch, header)
            : log.Append(batch, header);
        return new Key00Produce.PartitionResult(data.Index, result.Error, result.BaseOffset, result.AppendTime, result.LogStart, result.Message);
    }
}
