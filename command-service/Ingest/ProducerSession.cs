using Confluent.Kafka;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.CommandService.Ingest;

/// <summary>
/// One native producer and the events under way through it. When the producer turns fatal the session is abandoned as a whole: its
/// events are answered as not confirmed, and a late report finds nobody waiting, since a session's events are never used by another.
/// </summary>
public sealed class ProducerSession : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Stack<PendingEvent> _free = new();
    private readonly List<PendingEvent> _all = [];
    private readonly PendingRecords _others = new();
    private readonly int _limit;
    private readonly IProducer<byte[], byte[]> _producer;
    private readonly IAdminClient _admin;
    private readonly string _topic;
    private readonly SendPump<PendingEvent> _pump;
    private long _confirmed;
    private bool _abandoned;
    private volatile bool _fatal;

    /// <param name="kafka">Which Kafka.</param>
    /// <param name="ingest">Limits.</param>
    /// <param name="trouble">Called on a thread of the client when it lost all brokers or turned fatal.</param>
    /// <param name="logger">Takes the client's own lines.</param>
    /// <exception cref="ConfigurationException">The client refuses one of its properties; the message names it.</exception>
    public ProducerSession(KafkaOptions kafka, IngestOptions ingest, Action trouble, ILogger logger)
    {
        _topic = kafka.Topics.Events;
        _limit = ingest.MaxInFlight;
        try
        {
            _producer = new ProducerBuilder<byte[], byte[]>(Config(kafka, ingest))
                .SetLogHandler((_, line) => KafkaClientLog.Take(logger, line))
                .SetErrorHandler((client, error) => OnError(client, error, trouble, logger))
                .Build();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or KafkaException)
        {
            throw new ConfigurationException($"Kafka:Client or Ingest holds a value the Kafka client refuses: {e.Message.TrimEnd('.')}.", e);
        }
        _pump = new SendPump<PendingEvent>(ingest.Linger, Produce);
        _admin = new DependentAdminClientBuilder(_producer.Handle).Build();
    }

    /// <summary>The producer will never send again.</summary>
    public bool Fatal => _fatal;

    /// <summary>Events confirmed so far; only ever grows.</summary>
    public long Confirmed => Volatile.Read(ref _confirmed);

    /// <summary>Events under way.</summary>
    public int InFlight
    {
        get
        {
            lock (_lock) return _all.Count - _free.Count;
        }
    }

    /// <summary>Hands an event to Kafka; the answer comes with its delivery report.</summary>
    public ValueTask<Delivery> SendAsync(in EventRecord record, Headers headers)
    {
        if (Rent(out var refused) is not { } pending) return new ValueTask<Delivery>(new Delivery(refused));
        pending.Fill(record, headers);
        _pump.Add(pending);
        return pending.Completion;
    }

    /// <summary>
    /// The same for a record of another topic. Nothing of it is pooled, and what may be under way is for the caller to bound: such records are few
    /// and large.
    /// </summary>
    public ValueTask<Delivery> SendAsync(string topic, Message<byte[], byte[]> message) => _others.SendAsync(_producer, topic, message, () => _fatal);

    /// <summary>Partitions of the events' topic.</summary>
    /// <exception cref="KafkaException">No broker answered within the limit, or the topic does not exist.</exception>
    public int CountPartitions(TimeSpan limit)
    {
        var topic = _admin.GetMetadata(_topic, limit).Topics[0];
        if (topic.Error.IsError) throw new KafkaException(topic.Error);
        return topic.Partitions.Count;
    }

    /// <summary>Answers every event under way as not confirmed and takes no further one.</summary>
    /// <returns>How many were under way.</returns>
    public int Abandon()
    {
        lock (_lock)
        {
            _abandoned = true;
            var waiting = _all.Count - _free.Count;
            foreach (var pending in _all) pending.Complete(new Delivery(DeliveryOutcome.NotConfirmed));
            return waiting + _others.Abandon();
        }
    }

    /// <summary>Waits until every event has its report.</summary>
    /// <returns>How many have none when the limit ends.</returns>
    public int Flush(TimeSpan limit) => _producer.Flush(limit);

    public void Dispose()
    {
        Abandon();
        // Its thread may be inside Produce.
        _pump.Dispose();
        _admin.Dispose();
        _producer.Dispose();
    }

    /// <summary>A delivery report came in. Called by the client's poll thread alone.</summary>
    internal void Settled(bool confirmed)
    {
        if (confirmed) Volatile.Write(ref _confirmed, _confirmed + 1);
        _pump.Settled();
    }

    internal void Return(PendingEvent pending)
    {
        lock (_lock) _free.Push(pending);
    }

    private void Produce(PendingEvent pending)
    {
        try
        {
            _producer.Produce(_topic, pending.Message, pending.OnReport);
        }
        catch (Exception e) when (e is KafkaException or ObjectDisposedException)
        {
            var full = e is KafkaException { Error.Code: ErrorCode.Local_QueueFull };
            _pump.Settled();
            pending.Complete(new Delivery(full ? DeliveryOutcome.Overloaded : DeliveryOutcome.Away));
        }
    }

    private PendingEvent? Rent(out DeliveryOutcome refused)
    {
        lock (_lock)
        {
            refused = DeliveryOutcome.Away;
            if (_abandoned || _fatal) return null;
            if (!_free.TryPop(out var pending))
            {
                refused = DeliveryOutcome.Overloaded;
                if (_all.Count == _limit) return null;
                _all.Add(pending = new PendingEvent(this));
            }
            // Within the lock: an event is either seen by Abandon or never sent.
            pending.Arm();
            return pending;
        }
    }

    private void OnError(IClient client, Error error, Action trouble, ILogger logger)
    {
        KafkaClientLog.Take(logger, client.Name, error);
        if (error.IsFatal) _fatal = true;
        if (error.IsFatal || error.Code == ErrorCode.Local_AllBrokersDown) trouble();
    }

    private static ProducerConfig Config(KafkaOptions kafka, IngestOptions ingest)
    {
        var config = KafkaClientConfig.Producer(kafka, "command-service");
        // Groups are made by the pump; the client need not wait for more.
        if (!kafka.Client.ContainsKey("linger.ms")) config.LingerMs = 0;
        config.MessageTimeoutMs = (int)ingest.DeliveryTimeout.TotalMilliseconds;
        config.DeliveryReportFields = "status";
        // An array of flows is one record.
        config.MessageMaxBytes = KafkaOptions.FlowArrayBytesMax;
        config.QueueBufferingMaxMessages = Math.Max(ingest.MaxInFlight, 1000);
        return config;
    }
}
