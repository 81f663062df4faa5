using Confluent.Kafka;
using Tally.CommandService.Ingest;

namespace Tally.CommandService.Batch;

/// <summary>
/// Sends the events of one batch, a bounded number of them under way, and notes what became of each. An event that was refused because too
/// many are under way was never sent, so it is tried again for a while; one that was sent never is.
/// </summary>
public sealed class BatchSender(EventProducer producer, IngestTelemetry telemetry, BatchResult result, int window, TimeSpan patience, TimeProvider clock)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly Queue<(int Index, ValueTask<Delivery> Sent, long Begun)> _underWay = new();
    private readonly Headers _headers = IngestTelemetry.HeadersFor(null);

    public async ValueTask SendAsync(int index, EventRecord record)
    {
        if (_underWay.Count >= window) await SettleOldestAsync();
        var begun = telemetry.Begin();
        var since = clock.GetTimestamp();
        while (true)
        {
            var sent = producer.SendAsync(record, _headers);
            if (!sent.IsCompleted)
            {
                _underWay.Enqueue((index, sent, begun));
                return;
            }
            var delivery = await sent;
            if (delivery.Outcome != DeliveryOutcome.Overloaded || clock.GetElapsedTime(since) > patience)
            {
                Note(index, delivery, begun);
                return;
            }
            // Others, or this batch itself, fill what may be under way: room comes as they settle.
            if (_underWay.Count > 0) await SettleOldestAsync();
            else await Task.Delay(Pause, clock);
        }
    }

    /// <summary>Waits until every event under way is settled; to be called whatever happened.</summary>
    public async Task SettleAsync()
    {
        while (_underWay.Count > 0) await SettleOldestAsync();
    }

    private async ValueTask SettleOldestAsync()
    {
        var (index, sent, begun) = _underWay.Dequeue();
        var there = sent.IsCompleted;
        var delivery = await sent;
        // What follows must not run on the thread that brings the delivery reports.
        if (!there) await Task.Yield();
        Note(index, delivery, begun);
    }

    private void Note(int index, in Delivery delivery, long begun)
    {
        telemetry.Settled(delivery, null, begun);
        if (delivery.Outcome == DeliveryOutcome.Stored) result.Accept(delivery);
        else result.Refuse(index, delivery.Outcome == DeliveryOutcome.NotConfirmed ? BatchRefusals.NotConfirmed : BatchRefusals.Unavailable);
    }
}
