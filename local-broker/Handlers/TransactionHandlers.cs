using Tally.LocalBroker.Protocol;
using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Handlers;

/// <summary>Producer ids and transactions.</summary>
internal sealed class TransactionHandlers(BrokerState state)
{
    // The first version in which the client knows PRODUCER_FENCED.
    private const short FencedFromInitVersion = 4;

    public async ValueTask<WireWriter?> InitAsync(RequestContext context)
    {
        (ErrorCode error, long producerId, short epoch) = await state.Transactions.InitAsync(ReadInit(context));
        if (error == ErrorCode.ProducerFenced && context.Version < FencedFromInitVersion)
            error = ErrorCode.InvalidProducerEpoch;
        if (!await state.IsDurableAsync())
            (error, producerId, epoch) = (ErrorCode.CoordinatorNotAvailable, -1, -1);
        WireWriter response = context.StartResponse();
        Key22InitProducerId.Write(response, error, producerId, epoch);
        return response;
    }

    public async ValueTask<WireWriter?> AddPartitionsAsync(RequestContext context)
    {
        List<TopicErrors> results = state.Transactions.AddPartitions(ReadPartitions(context), context.Version);
        if (!await state.IsDurableAsync())
            results = results.ConvertAll(t => t.With(ErrorCode.CoordinatorNotAvailable));
        WireWriter response = context.StartResponse();
        Key24AddPartitionsToTxn.Write(response, results);
        return response;
    }

    public async ValueTask<WireWriter?> AddOffsetsAsync(RequestContext context)
    {
        ErrorCode error = state.Transactions.AddGroup(ReadGroup(context), context.Version);
        if (!await state.IsDurableAsync())
            error = ErrorCode.CoordinatorNotAvailable;
        WireWriter response = context.StartResponse();
        Key25AddOffsetsToTxn.Write(response, error);
        return response;
    }

    public async ValueTask<WireWriter?> CommitOffsetsAsync(RequestContext context)
    {
        List<TopicErrors> results = state.Transactions.CommitOffsets(ReadOffsets(context));
        if (!await state.IsDurableAsync())
            results = results.ConvertAll(t => t.With(ErrorCode.CoordinatorNotAvailable));
        WireWriter response = context.StartResponse();
        Key28TxnOffsetCommit.Write(response, results);
        return response;
    }

    public async ValueTask<WireWriter?> EndAsync(RequestContext context)
    {
        ErrorCode error = await state.Transactions.EndAsync(ReadEnd(context), context.Version);
        WireWriter response = context.StartResponse();
        Key26EndTxn.Write(response, error);
        return response;
    }

    private static Key22InitProducerId.Request ReadInit(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key22InitProducerId.Read(ref reader, context.Version);
    }

    private static Key24AddPartitionsToTxn.Request ReadPartitions(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key24AddPartitionsToTxn.Read(ref reader);
    }

    private static Key25AddOffsetsToTxn.Request ReadGroup(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key25AddOffsetsToTxn.Read(ref reader);
    }

    private static Key28TxnOffsetCommit.Request ReadOffsets(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key28TxnOffsetCommit.Read(ref reader, context.Version);
    }

    private static Key26EndTxn.Request ReadEnd(RequestContext context)
    {
        WireReader reader = context.Reader();
        return Key26EndTxn.Read(ref reader);
    }
}
