using System.Text;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Frames.Topic;

/// <summary>What a compacted topic of the frames job holds.</summary>
/// <param name="Keys">Those that have a value, but for progress.</param>
/// <param name="Generations">By partition, that of the last progress; none where there is no progress.</param>
public sealed record TopicRemains(IReadOnlyList<(int Partition, byte[] Key)> Keys, IReadOnlyDictionary<int, int> Generations)
{
    /// <summary>A transaction that its owner left open is ended by the broker in 10 s, of which it sees every 10 s at most.</summary>
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(30);

    /// <summary>Reads a topic from its beginning to its end as of now.</summary>
    /// <exception cref="SessionEndException">Kafka does not answer.</exception>
    public static TopicRemains Read(IBroker broker, string topic, int partitions, TimeProvider clock)
    {
        var generations = new Dictionary<int, int>();
        var live = new HashSet<(int Partition, string Key)>();
        var open = Enumerable.Range(0, partitions).ToDictionary(p => p, p => broker.QueryEnds(topic, p));
        using var log = broker.OpenReplay(topic, [.. open.Select(o => new PartitionOffset(o.Key, o.Value.Low))]);
        var heard = clock.GetTimestamp();
        while (open.Count > 0)
        {
            if (!log.TryRead(TimeSpan.FromMilliseconds(100), out var record))
            {
                if (clock.GetElapsedTime(heard) > SilenceMax) throw new BrokerAwayException($"{topic} could not be read to its end.");
                continue;
            }
            if (record.IsEnd)
            {
                // Before that it is the end of the stable part: an open transaction of a former owner is waited for.
                if (open.TryGetValue(record.Partition, out var ends) && record.Offset >= ends.High) open.Remove(record.Partition);
                continue;
            }
            heard = clock.GetTimestamp();
            if (RecordKeys.IsProgress(record.Key)) generations[record.Partition] = Progress.Parser.ParseFrom(record.Value).Generation;
            else if (record.HasValue) live.Add((record.Partition, Encoding.ASCII.GetString(record.Key)));
            else live.Remove((record.Partition, Encoding.ASCII.GetString(record.Key)));
        }
        return new TopicRemains([.. live.Select(one => (one.Partition, Encoding.ASCII.GetBytes(one.Key)))], generations);
    }
}
