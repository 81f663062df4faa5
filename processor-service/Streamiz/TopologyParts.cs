using Streamiz.Kafka.Net;
using Streamiz.Kafka.Net.Processors.Public;
using Streamiz.Kafka.Net.SerDes;
using Streamiz.Kafka.Net.State;
using Streamiz.Kafka.Net.Stream;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Streamiz;

/// <summary>What every task of the topology shares, and the topology: events in, one counting step with a store, every output by its route.</summary>
/// <param name="Job">The job.</param>
/// <param name="Partitions">Of the input topic.</param>
/// <param name="Options">Section <c>Processor</c>.</param>
/// <param name="Broker">Asked for the end of a partition that fell silent.</param>
/// <param name="Status">Told of every turn.</param>
/// <param name="Restores">Which partitions have their state back.</param>
/// <param name="Clock">The time.</param>
public sealed record TopologyParts(IJob Job, int Partitions, ProcessorOptions Options, IBroker Broker, EngineStatus Status, RestoreWatch Restores, TimeProvider Clock)
{
    public const string Store = "hours";

    public DeadLetterWriter DeadLetters { get; } = new(Job.Topics.Input, Options.DeadLetterBytes);

    /// <param name="persistent">RocksDB; otherwise in memory, restored from the changelog at each start.</param>
    public Topology Build(bool persistent)
    {
        var bytes = new ByteArraySerDes();
        var supplier = persistent ? Stores.PersistentKeyValueStore(Store) : Stores.InMemoryKeyValueStore(Store);
        var store = Stores.KeyValueStoreBuilder(supplier, bytes, bytes)
            .WithLoggingEnabled(new Dictionary<string, string> { ["cleanup.policy"] = "compact" }).WithCachingDisabled();
        var counting = TransformerBuilder.New<byte[], byte[], byte[], Routed>().Transformer<CountingTransformer>(this).StateStore(store).Build();
        var builder = new StreamBuilder();
        builder.Stream(Job.Topics.Input, bytes, bytes)
            .Transform(counting)
            .To((_, routed, _) => routed.Topic, (_, _, routed, _, _) => routed.Partition, bytes, new RoutedSerDes());
        return builder.Build();
    }
}
