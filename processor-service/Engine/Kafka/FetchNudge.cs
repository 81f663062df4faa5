using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>
/// librdkafka before 2.2 stops fetching when its queue is full and looks again only after up to a second, so that a backlog is read in
/// gulps. Any request wakes it: when the queue has run dry although more is known to be there, the ends of a lagging partition are asked
/// for. From 2.2 on the setting fetch.queue.backoff.ms does it.
/// </summary>
public sealed class FetchNudge(string topic)
{
    public const int BackoffSettingSince = 0x02020000;

    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(200);

    private long[] _positions = [];
    private long _lastMs;

    /// <summary>True where the library needs it.</summary>
    public static bool Needed => Library.Version < BackoffSettingSince;

    /// <param name="partition">Of the record just read, or the end just reached.</param>
    /// <param name="next">Next offset to read.</param>
    public void ReadUpTo(int partition, long next)
    {
        if (partition >= _positions.Length) Grow(partition);
        _positions[partition] = next;
    }

    /// <summary>Called when nothing was waiting.</summary>
    /// <returns>True when it may be worth looking again at once.</returns>
    public bool WhenDry<TKey, TValue>(IConsumer<TKey, TValue> consumer)
    {
        // Often enough to keep a backlog flowing, seldom enough to cost nothing where a partition cannot be read on.
        if (Environment.TickCount64 - _lastMs < 5) return false;
        for (var p = 0; p < _positions.Length; p++)
        {
            if (_positions[p] < 0) continue;
            var partition = new TopicPartition(topic, p);
            if (consumer.GetWatermarkOffsets(partition).High.Value <= _positions[p]) continue;
            try
            {
                consumer.QueryWatermarkOffsets(partition, Limit);
            }
            catch (KafkaException)
            {
                // It was only to wake the client; what is wrong shows in the next read.
            }
            _lastMs = Environment.TickCount64;
            return true;
        }
        return false;
    }

    private void Grow(int partition)
    {
        var before = _positions.Length;
        Array.Resize(ref _positions, Math.Max(partition + 1, before * 2));
        Array.Fill(_positions, -1, before, _positions.Length - before);
    }
}
