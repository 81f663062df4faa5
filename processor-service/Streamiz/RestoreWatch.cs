using System.Reflection;
using Confluent.Kafka;
using Streamiz.Kafka.Net.Kafka;
using Streamiz.Kafka.Net.Metrics;
using Tally.ProcessorService.Engine;

namespace Tally.ProcessorService.Streamiz;

/// <summary>
/// Knows which tasks have their state back. Streamiz 1.7.1 runs scheduled calls while it still restores and has no public word for the end of it; what it does then
/// is pause the changelog partition in its restoring consumer, so that call is listened to. Used by the stream's one thread alone.
/// </summary>
public sealed class RestoreWatch(IKafkaSupplier clients, EngineStatus status) : IKafkaSupplier
{
    private readonly HashSet<int> _assigned = [];
    private readonly HashSet<int> _restored = [];

    public StreamMetricsRegistry MetricsRegistry
    {
        get => clients.MetricsRegistry;
        set => clients.MetricsRegistry = value;
    }

    /// <summary>What the engine is at as long as its stream runs.</summary>
    public EngineStatus.Phase Phase =>
        _assigned.Count == 0 ? EngineStatus.Phase.Idle : _restored.Count < _assigned.Count ? EngineStatus.Phase.Restoring : EngineStatus.Phase.Running;

    /// <summary>The store of this partition holds all that was committed.</summary>
    public bool IsRestored(int partition) => _restored.Contains(partition);

    public IConsumer<byte[], byte[]> GetConsumer(ConsumerConfig config, IConsumerRebalanceListener rebalanceListener) => clients.GetConsumer(config, rebalanceListener);

    public IProducer<byte[], byte[]> GetProducer(ProducerConfig config) => clients.GetProducer(config);

    public IAdminClient GetAdmin(AdminClientConfig config) => clients.GetAdmin(config);

    public IConsumer<byte[], byte[]> GetGlobalConsumer(ConsumerConfig config) => clients.GetGlobalConsumer(config);

    public IConsumer<byte[], byte[]> GetRestoreConsumer(ConsumerConfig config)
    {
        var consumer = DispatchProxy.Create<IConsumer<byte[], byte[]>, Listener>();
        ((Listener)consumer).Listen(clients.GetRestoreConsumer(config), this);
        return consumer;
    }

    private void Called(string method, object? argument)
    {
        switch (method)
        {
            case nameof(IConsumer<,>.IncrementalAssign):
                foreach (var partition in (IEnumerable<TopicPartitionOffset>)argument!) _assigned.Add(partition.Partition);
                break;
            case nameof(IConsumer<,>.Pause):
                foreach (var partition in (IEnumerable<TopicPartition>)argument!) _restored.Add(partition.Partition);
                break;
            case nameof(IConsumer<,>.IncrementalUnassign):
                foreach (var partition in (IEnumerable<TopicPartition>)argument!)
                {
                    _assigned.Remove(partition.Partition);
                    _restored.Remove(partition.Partition);
                }
                break;
            default:
                return;
        }
        status.Partitions = [.. _assigned.Order()];
        status.Enter(Phase);
    }

    /// <summary>Hands every call on to the real consumer.</summary>
    public class Listener : DispatchProxy
    {
        private IConsumer<byte[], byte[]> _consumer = null!;
        private RestoreWatch _watch = null!;

        internal void Listen(IConsumer<byte[], byte[]> consumer, RestoreWatch watch) => (_consumer, _watch) = (consumer, watch);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            var answer = targetMethod!.Invoke(_consumer, BindingFlags.DoNotWrapExceptions, binder: null, args, culture: null);
            _watch.Called(targetMethod.Name, args?.FirstOrDefault());
            return answer;
        }
    }
}
