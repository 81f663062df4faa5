using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Tally.Shared.Kafka;

namespace Tally.CommandService.Ingest;

/// <summary>
/// Where events are handed over: knows the present <see cref="ProducerSession"/> and whether it is of any use to try it. It never sends
/// an event again by itself: without an id that could count it twice.
/// </summary>
public sealed class EventProducer : IDisposable
{
    private readonly KafkaOptions _kafka;
    private readonly IngestOptions _ingest;
    private readonly ILogger<EventProducer> _logger;
    private volatile ProducerSession _session;
    private volatile string? _obstacle = "no answer from Kafka yet";

    public EventProducer(IOptions<KafkaOptions> kafka, IOptions<IngestOptions> ingest, ILogger<EventProducer> logger)
    {
        _kafka = kafka.Value;
        _ingest = ingest.Value;
        _logger = logger;
        _session = NewSession();
    }

    /// <summary>Raised on a thread of the Kafka client when all brokers are gone or the producer is of no more use.</summary>
    public event Action? Trouble;

    /// <summary>Why no event is taken, as a sentence; null when all is well.</summary>
    public string? Obstacle
    {
        get => _obstacle;
        set => _obstacle = value;
    }

    public ProducerSession Session => _session;

    /// <summary>Sends an event once. Completes when Kafka has confirmed it with acks=all, or it is known that it will not.</summary>
    public ValueTask<Delivery> SendAsync(in EventRecord record, Headers headers) =>
        _obstacle is null ? _session.SendAsync(record, headers) : new ValueTask<Delivery>(new Delivery(DeliveryOutcome.Away));

    /// <summary>The same for a record of another topic.</summary>
    public ValueTask<Delivery> SendAsync(string topic, Message<byte[], byte[]> message) =>
        _obstacle is null ? _session.SendAsync(topic, message) : new ValueTask<Delivery>(new Delivery(DeliveryOutcome.Away));

    /// <summary>Puts a new session in the place of one that turned fatal, whose events are answered at once.</summary>
    /// <returns>The old one, to be disposed by the caller, and how many events it had under way.</returns>
    public (ProducerSession Old, int Lost) Replace()
    {
        var old = _session;
        var lost = old.Abandon();
        _session = NewSession();
        return (old, lost);
    }

    public void Dispose() => _session.Dispose();

    private ProducerSession NewSession() => new(_kafka, _ingest, () => Trouble?.Invoke(), _logger);
}
