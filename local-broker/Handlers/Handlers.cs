using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Handlers;

/// <summary>Everything that the broker serves, key by key.</summary>
internal static class Handlers
{
    public static HandlerTable Register(BrokerState state)
    {
        var table = new HandlerTable();
        var cluster = new ClusterHandlers(state, table);
        var offsets = new OffsetHandlers(state);
        var groups = new GroupHandlers(state);
        var transactions = new TransactionHandlers(state);
        var topics = new TopicHandlers(state);
        var configs = new ConfigHandlers(state);
        table.Register(Key00Produce.Range, new ProduceHandler(state).HandleAsync);
        table.Register(Key01Fetch.Range, new FetchHandler(state).HandleAsync);
        table.Register(Key02ListOffsets.Range, offsets.ListOffsets);
        table.Register(Key03Metadata.Range, cluster.Metadata);
        table.Register(Key08OffsetCommit.Range, offsets.CommitAsync);
        table.Register(Key09OffsetFetch.Range, offsets.Fetch);
        table.Register(Key10FindCoordinator.Range, cluster.FindCoordinator);
        table.Register(Key11JoinGroup.Range, groups.JoinAsync);
        table.Register(Key12Heartbeat.Range, groups.Heartbeat);
        table.Register(Key13LeaveGroup.Range, groups.Leave);
        table.Register(Key14SyncGroup.Range, groups.SyncAsync);
        table.Register(Key18ApiVersions.Range, cluster.ApiVersions);
        table.Register(Key19CreateTopics.Range, topics.Create);
        table.Register(Key20DeleteTopics.Range, topics.Delete);
        table.Register(Key22InitProducerId.Range, transactions.InitAsync);
        table.Register(Key24AddPartitionsToTxn.Range, transactions.AddPartitionsAsync);
        table.Register(Key25AddOffsetsToTxn.Range, transactions.AddOffsetsAsync);
        table.Register(Key26EndTxn.Range, transactions.EndAsync);
        table.Register(Key28TxnOffsetCommit.Range, transactions.CommitOffsetsAsync);
        table.Register(Key32DescribeConfigs.Range, configs.Describe);
        table.Register(Key37CreatePartitions.Range, topics.CreatePartitions);
        return table;
    }
}
