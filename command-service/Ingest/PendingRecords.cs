using Confluent.Kafka;

namespace Tally.CommandService.Ingest;

/// <summary>Records under way beside events, so that those of a producer that turned fatal are answered at once.</summary>
internal sealed class PendingRecords
{
    private readonly Lock _lock = new();
    private readonly HashSet<TaskCompletionSource<Delivery>> _waiting = [];
    private bool _abandoned;

    public ValueTask<Delivery> SendAsync(IProducer<byte[], byte[]> producer, string topic, Message<byte[], byte[]> message, Func<bool> isFatal)
    {
        var pending = new TaskCompletionSource<Delivery>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_abandoned || isFatal()) return new ValueTask<Delivery>(new Delivery(DeliveryOutcome.Away));
            _waiting.Add(pending);
        }
        try
        {
            producer.Produce(topic, message, report => Settle(pending, report));
        }
        catch (Exception e) when (e is KafkaException or ObjectDisposedException)
        {
            var full = e is KafkaException { Error.Code: ErrorCode.Local_QueueFull };
            Settle(pending, new Delivery(full ? DeliveryOutcome.Overloaded : DeliveryOutcome.Away));
        }
        return new ValueTask<Delivery>(pending.Task);
    }

    /// <summary>Answers every record under way as not confirmed and takes no further one.</summary>
    /// <returns>How many there were.</returns>
    public int Abandon()
    {
        lock (_lock)
        {
            _abandoned = true;
            var waiting = _waiting.Count;
            foreach (var pending in _waiting) pending.TrySetResult(new Delivery(DeliveryOutcome.NotConfirmed));
            _waiting.Clear();
            return waiting;
        }
    }

    private void Settle(TaskCompletionSource<Delivery> pending, DeliveryReport<byte[], byte[]> report)
    {
        var stored = !report.Error.IsError && report.Status == PersistenceStatus.Persisted;
        if (stored) Settle(pending, new Delivery(DeliveryOutcome.Stored, report.Partition.Value, report.Offset.Value));
        else Settle(pending, new Delivery(report.Status == PersistenceStatus.NotPersisted ? DeliveryOutcome.Away : DeliveryOutcome.NotConfirmed));
    }

    private void Settle(TaskCompletionSource<Delivery> pending, in Delivery delivery)
    {
        lock (_lock) _waiting.Remove(pending);
        pending.TrySetResult(delivery);
    }
}
