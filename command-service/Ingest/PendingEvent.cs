using System.Threading.Tasks.Sources;
using Confluent.Kafka;

namespace Tally.CommandService.Ingest;

/// <summary>
/// An event under way, awaited by its request and completed by its delivery report. Pooled by its <see cref="ProducerSession"/>
/// together with everything it needs: a POST allocates none of it.
/// </summary>
internal sealed class PendingEvent : IValueTaskSource<Delivery>
{
    private readonly ProducerSession _session;
    private ManualResetValueTaskSourceCore<Delivery> _source;
    private int _waiting;

    public PendingEvent(ProducerSession session)
    {
        _session = session;
        OnReport = Report;
        Message = new Message<byte[], byte[]> { Key = new byte[EventRecord.KeyBytes], Value = [] };
    }

    public Message<byte[], byte[]> Message { get; }

    public Action<DeliveryReport<byte[], byte[]>> OnReport { get; }

    /// <summary>To be awaited exactly once; that gives the event back to the pool.</summary>
    public ValueTask<Delivery> Completion => new(this, _source.Version);

    public void Arm()
    {
        _source.Reset();
        Volatile.Write(ref _waiting, 1);
    }

    /// <summary>Puts the record into the message. Its arrays are kept: librdkafka copies them when it takes the message.</summary>
    public void Fill(in EventRecord record, Headers headers)
    {
        Span<byte> value = stackalloc byte[EventRecord.MaxValueBytes];
        value = value[..record.WriteValue(value)];
        // Nearly all events have the same size: timestamps of our time take six bytes.
        if (Message.Value.Length != value.Length) Message.Value = new byte[value.Length];
        value.CopyTo(Message.Value);
        record.WriteKey(Message.Key);
        Message.Headers = headers;
    }

    /// <summary>Completes the event unless it was completed before. Its answer is written on the pool.</summary>
    public void Complete(in Delivery delivery) => Complete(delivery, elsewhere: true);

    public Delivery GetResult(short token)
    {
        var delivery = _source.GetResult(token);
        _session.Return(this);
        return delivery;
    }

    public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void Report(DeliveryReport<byte[], byte[]> report)
    {
        var stored = !report.Error.IsError && report.Status == PersistenceStatus.Persisted;
        _session.Settled(stored);
        // Reports come in groups on a thread of their own, which writes their 204s as well: handing over each would cost more than the write.
        if (stored) Complete(new Delivery(DeliveryOutcome.Stored, report.Partition.Value, report.Offset.Value), elsewhere: false);
        else Complete(new Delivery(report.Status == PersistenceStatus.NotPersisted ? DeliveryOutcome.Away : DeliveryOutcome.NotConfirmed));
    }

    private void Complete(in Delivery delivery, bool elsewhere)
    {
        if (Interlocked.Exchange(ref _waiting, 0) == 0) return;
        _source.RunContinuationsAsynchronously = elsewhere;
        _source.SetResult(delivery);
    }
}
