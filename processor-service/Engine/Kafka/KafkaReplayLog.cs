using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka.Fetching;
using Tally.ProcessorService.Engine.Kafka.Wire;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Committed records of assigned partitions, outside of any group.</summary>
public sealed class KafkaReplayLog : KafkaRecordLog
{
    private readonly ConsumerConfig _config;
    private readonly string _topic;
    private readonly FetchRoute _route;
    private readonly ILogger _logger;
    private IConsumer<Ignore, Ignore>? _consumer;

    /// <param name="config">The consumer's.</param>
    /// <param name="topic">What is read.</param>
    /// <param name="from">Partitions and their first offsets.</param>
    /// <param name="isInput">It is the job's input, and not a topic that is compacted.</param>
    /// <param name="route">By which way records come.</param>
    /// <param name="logger">Hears of outages.</param>
    public KafkaReplayLog(ConsumerConfig config, string topic, IReadOnlyCollection<PartitionOffset> from, bool isInput, FetchRoute route, ILogger logger)
    {
        (_config, _topic, _route, _logger) = (config, topic, route, logger);
        if (route.Open(config, topic, isInput, logger) is { } wire)
        {
            wire.Assign(from);
            Begin(wire);
        }
        else
        {
            Consume(from);
        }
    }

    /// <summary>End of the partition as the last fetch told it, or null before the first.</summary>
    public long? LastKnownEnd(int partition)
    {
        if (_consumer is null) return (Fetch as WireFetch)?.LastKnownEnd(partition);
        return _consumer.GetWatermarkOffsets(new TopicPartition(_topic, partition)).High is { IsSpecial: false } end ? end.Value : null;
    }

    public override void Dispose()
    {
        EndReading();
        _consumer?.Dispose();
    }

    protected override void Serve()
    {
        if (_consumer is not null) ConsumerCalls.Serve(_consumer, isRead: true);
    }

    private protected override void GoOnThroughLibrdkafka(WireFetch refused)
    {
        _route.Refuse(_topic, refused.Refusal!, _logger);
        Consume(refused.Positions);
    }

    private void Consume(IReadOnlyCollection<PartitionOffset> from)
    {
        _consumer = new ConsumerBuilder<Ignore, Ignore>(_config).LogTo(_logger).Build();
        var fetch = new LibrdkafkaFetch(_consumer, _config, _topic);
        Begin(fetch);
        fetch.Follow([.. from.Select(at => at.Partition)]);
        _consumer.Assign(from.Select(at => new TopicPartitionOffset(_topic, at.Partition, at.Offset)));
    }
}
