using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;

namespace Tally.ProcessorService.Engine;

/// <summary>
/// A topic that was deleted, made again and filled beyond our offset looks like the old one. The record before the offset does not: its
/// timestamp stands in the progress record.
/// </summary>
public sealed class SameTopicCheck(IBroker broker, string topic, EngineStatus status, TimeProvider clock)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <exception cref="ConfigurationException">The last counted record is not the one that was counted.</exception>
    /// <exception cref="BrokerAwayException">The records could not be read.</exception>
    public void Check(IEnumerable<Progress> progress, CancellationToken cancellation)
    {
        // Removed by retention, or without a timestamp, it can tell nothing.
        var open = progress.Where(p => p is { NextOffset: > 0, LastAppendMs: > 0 } && p.NextOffset > broker.QueryEnds(topic, p.Partition).Low)
            .ToDictionary(p => p.Partition);
        if (open.Count == 0) return;
        using var log = broker.OpenReplay(topic, [.. open.Values.Select(p => new PartitionOffset(p.Partition, p.NextOffset - 1))]);
        var began = clock.GetTimestamp();
        while (open.Count > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            status.Beat();
            if (clock.GetElapsedTime(began) > Limit) throw new BrokerAwayException($"The last counted records of {topic} could not be read.");
            if (!log.TryRead(TimeSpan.FromMilliseconds(100), out var record) || !open.TryGetValue(record.Partition, out var known)) continue;
            // A leader that does not know yet how much of its log holds; one that lost the record is not waited for any longer than the limit.
            if (record.IsEnd && record.Offset < known.NextOffset) continue;
            open.Remove(record.Partition);
            if (record.IsEnd || (record.Offset == known.NextOffset - 1 && record.TimestampMs == known.LastAppendMs)) continue;
            throw new ConfigurationException(
                $"{topic} partition {record.Partition} holds another record at offset {known.NextOffset - 1} than the one that was counted: the topic was "
                + "recreated, or this is another cluster; point Kafka:BootstrapServers to the right one, or start with new hours and changelog topics.");
        }
    }
}
