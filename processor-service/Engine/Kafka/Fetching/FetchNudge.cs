using System.Text;
using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka.Fetching;

/// <summary>
/// librdkafka before 2.2 stops fetching when its queue is full and looks again only after up to a second, so that a backlog is read in
/// gulps. Any request wakes it: when so little is left that it would fetch again, and more is known to be there, the ends of the partitions are asked
/// for, and the answer is not waited for. From 2.2 on the setting fetch.queue.backoff.ms does it.
/// </summary>
/// <param name="client">The consumer.</param>
/// <param name="topic">What it reads.</param>
/// <param name="fetchBelow">It fetches only while fewer records than this are waiting (queued.min.messages).</param>
public sealed unsafe class FetchNudge(IClient client, string topic, int fetchBelow)
{
    private const int BackoffSettingSince = 0x02020000;

    // Often enough to keep a backlog flowing, seldom enough to cost nothing where a partition cannot be read on.
    private const long EveryMs = 2;

    // rd_kafka_topic_partition_t: a name, a number, an offset.
    private const int OffsetInList = 16;
    private const long LatestOffset = -1;

    private readonly nint _client = Librdkafka.Client(client);
    private readonly byte[] _topic = Encoding.UTF8.GetBytes(topic + '\0');
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

    /// <summary>Other partitions are read from now on.</summary>
    public void BeginAnew() => Array.Fill(_positions, -1);

    /// <summary>Called between batches.</summary>
    /// <param name="waiting">Records fetched and not read.</param>
    public void Look(int waiting)
    {
        if (waiting >= fetchBelow || Environment.TickCount64 - _lastMs < EveryMs || !Lags()) return;
        _lastMs = Environment.TickCount64;
        fixed (byte* name = _topic)
        {
            var list = Librdkafka.NewList(_positions.Length);
            for (var p = 0; p < _positions.Length; p++)
                if (_positions[p] >= 0) *(long*)(Librdkafka.AddToList(list, name, p) + OffsetInList) = LatestOffset;
            _ = Librdkafka.OffsetsForTimes(_client, list, 0);
            Librdkafka.DestroyList(list);
        }
    }

    private bool Lags()
    {
        fixed (byte* name = _topic)
        {
            for (var p = 0; p < _positions.Length; p++)
            {
                long low, high;
                if (_positions[p] >= 0 && Librdkafka.KnownEnds(_client, name, p, &low, &high) == 0 && high > _positions[p]) return true;
            }
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
