using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Committed records of assigned partitions, outside of any group.</summary>
public sealed class KafkaReplayLog : KafkaRecordLog
{
    private readonly string _topic;

    public KafkaReplayLog(ConsumerConfig config, string topic, IReadOnlyCollection<PartitionOffset> from, ILogger logger)
        : base(topic)
    {
        _topic = topic;
        Consumer = new ConsumerBuilder<Ignore, Ignore>(config).LogTo(logger).Build();
        Begin(config);
        Follow([.. from.Select(at => at.Partition)]);
        Consumer.Assign(from.Select(at => new TopicPartitionOffset(topic, at.Partition, at.Offset)));
    }

    protected override IConsumer<Ignore, Ignore> Consumer { get; }

    /// <summary>End of the partition as the last fetch told it, or null before the first.</summary>
    public long? LastKnownEnd(int partition) =>
        Consumer.GetWatermarkOffsets(new TopicPartition(_topic, partition)).High is { IsSpecial: false } end ? end.Value : null;

    public override void Dispose()
    {
        EndReading();
        Consumer.Dispose();
    }
}
