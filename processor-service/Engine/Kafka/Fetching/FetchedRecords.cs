using System.Runtime.InteropServices;
using System.Text;
using Confluent.Kafka;

namespace Tally.ProcessorService.Engine.Kafka.Fetching;

/// <summary>
/// What a consumer has fetched of some partitions, taken by the thousand: a call and an object a record cost more than counting it
/// (docs/performance.md). The partitions have a queue of their own, so that what else the group tells never comes in the middle of a batch, and what
/// belongs to an assignment that has ended is never handed out (librdkafka drops it).
/// </summary>
public sealed unsafe class FetchedRecords : IDisposable
{
    private const int BatchMax = 1_000;

    private readonly nint _client;
    private readonly NativeMessage** _batch;
    private nint _queue;
    private int _count;
    private int _next;

    /// <param name="client">To be disposed after this.</param>
    public FetchedRecords(IClient client)
    {
        _client = Librdkafka.Client(client);
        _queue = Librdkafka.NewQueue(_client);
        _batch = (NativeMessage**)NativeMemory.Alloc(BatchMax, (nuint)sizeof(NativeMessage*));
    }

    /// <summary>Records that are fetched and not taken yet.</summary>
    public int Waiting => (int)Librdkafka.QueueLength(_queue);

    /// <summary>Brings what will be fetched of the partitions here. To be called before they are assigned.</summary>
    public void Follow(string topic, IEnumerable<int> partitions)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(topic + '\0'))
        {
            foreach (var partition in partitions)
            {
                var queue = Librdkafka.PartitionQueue(_client, name, partition);
                if (queue == 0) throw new InvalidOperationException($"librdkafka has no queue for {topic} partition {partition}.");
                Librdkafka.Forward(queue, _queue);
                Librdkafka.DestroyQueue(queue);
            }
        }
    }

    /// <summary>The next of the batch in hand, which holds until <see cref="TryFill"/>.</summary>
    /// <returns>Null when the batch is done.</returns>
    public NativeMessage* Next() => _next < _count ? _batch[_next++] : null;

    /// <summary>What <see cref="Next"/> would give, left where it is.</summary>
    public NativeMessage* Following => _next < _count ? _batch[_next] : null;

    /// <summary>Lets go of the batch in hand and takes another.</summary>
    /// <returns>False when nothing came within <paramref name="wait"/>.</returns>
    public bool TryFill(TimeSpan wait)
    {
        LetGo();
        // A call that may wait goes on waiting until it has all it asked for; with one it ends at the first.
        _count = Take(TimeSpan.Zero, BatchMax);
        if (_count == 0 && wait > TimeSpan.Zero) _count = Take(wait, 1);
        return _count > 0;
    }

    public void Dispose()
    {
        if (_queue == 0) return;
        LetGo();
        Librdkafka.DestroyQueue(_queue);
        _queue = 0;
        NativeMemory.Free(_batch);
    }

    private int Take(TimeSpan wait, int most) => (int)Math.Max(0, Librdkafka.ConsumeBatch(_queue, (int)Math.Ceiling(wait.TotalMilliseconds), _batch, most));

    private void LetGo()
    {
        for (var i = 0; i < _count; i++) Librdkafka.DestroyMessage(_batch[i]);
        (_count, _next) = (0, 0);
    }
}
