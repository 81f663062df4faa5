using Tally.LocalBroker.Protocol.Messages;
using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Handlers;

/// <summary>Everything that the broker serves, key by key.</summary>
internal static class Handlers
{
    public static HandlerTable Register(BrokerState state, ILogger log)
    {
        var table = new HandlerTable();
        var cluster = new ClusterHandlers(state, table);
        var offsets = new OffsetHandlers(state);
        var groups = new GroupHandlers(state);
        var transactions = new TransactionHandlers(state);
        var topics = new TopicHandlers(state);
        var configs = new ConfigHandlers(state);
        var inspection = new InspectionHandlers(state);
        var groupAdmin = new GroupAdminHandlers(state);
        table.Register(Key00Produce.Range, new ProduceHandler(state).HandleAsync);
        table.Register(Key01Fetch.Range, new FetchHandler(state).HandleAsync);
        table.RegisterLong(Key02ListOffsets.Range, offsets.ListOffsets);
        table.Register(Key03Metadata.Range, cluster.Metadata);
        table.Register(Key08OffsetCommit.Range, offsets.CommitAsync);
        table.Register(Key09OffsetFetch.Range, offsets.Fetch);
        table.Register(Key10FindCoordinator.Range, cluster.FindCoordinator);
        table.Register(Key11JoinGroup.Range, groups.JoinAsync);
        table.Register(Key12Heartbeat.Range, groups.Heartbeat);
        table.Register(Key13LeaveGroup.Range, groups.Leave);
        table.Register(Key14SyncGroup.Range, groups.SyncAsync);
        table.Register(Key15DescribeGroups.Range, groupAdmin.Describe);
        table.Register(Key16ListGroups.Range, groupAdmin.List);
        table.Register(Key18ApiVersions.Range, cluster.ApiVersions);
        table.RegisterLong(Key19CreateTopics.Range, topics.Create);
        table.RegisterLong(Key20DeleteTopics.Range, topics.Delete);
        table.Register(Key21DeleteRecords.Range, offsets.DeleteRecords);
        table.Register(Key22InitProducerId.Range, transactions.InitAsync);
        table.Register(Key23OffsetForLeaderEpoch.Range, offsets.ForLeaderEpoch);
        table.Register(Key24AddPartitionsToTxn.Range, transactions.AddPartitionsAsync);
        table.Register(Key25AddOffsetsToTxn.Range, transactions.AddOffsetsAsync);
        table.Register(Key26EndTxn.Range, transactions.EndAsync);
        table.Register(Key28TxnOffsetCommit.Range, transactions.CommitOffsetsAsync);
        table.Register(Key32DescribeConfigs.Range, configs.Describe);
        table.Register(Key33AlterConfigs.Range, configs.Alter);
        table.RegisterLong(Key37CreatePartitions.Range, topics.CreatePartitions);
        table.Register(Key42DeleteGroups.Range, groupAdmin.Delete);
        table.Register(Key44IncrementalAlterConfigs.Range, configs.AlterIncrementally);
        table.Register(Key47OffsetDelete.Range, groupAdmin.DeleteOffsets);
        table.Register(Key60DescribeCluster.Range, cluster.DescribeCluster);
        table.Register(Key61DescribeProducers.Range, inspection.DescribeProducers);
        table.Register(Key65DescribeTransactions.Range, inspection.DescribeTransactions);
        table.Register(Key66ListTransactions.Range, inspection.ListTransactions);

        if (state.Options.SaslUsersFile is not null)
        {
            var sasl = new SaslHandlers(log);
            table.Register(Key17SaslHandshake.Range, SaslHandlers.Handshake);
            table.Register(Key36SaslAuthenticate.Range, sasl.Authenticate);
            table.LetIn = sasl.LetIn;
        }

        return table;
    }
}
