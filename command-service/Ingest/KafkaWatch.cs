using Confluent.Kafka;
using Microsoft.Extensions.Options;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.CommandService.Ingest;

/// <summary>
/// Asks Kafka for the events' topic every second, on a thread of its own. While no answer comes, POSTs are refused at once instead of
/// each waiting for its delivery time-out; with the first answer they are taken again. A fatal producer is replaced here. Before the first
/// event is taken the hash key is held against what was counted; a young system has nothing to compare with, so it is asked again.
/// </summary>
public sealed partial class KafkaWatch : DedicatedLoop
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan IntervalWhileAway = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(5);
    // Together with a probe less than what readiness takes for being stuck.
    private static readonly TimeSpan KeyCheckLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan KeyCheckInterval = TimeSpan.FromSeconds(10);

    private readonly EventProducer _producer;
    private readonly KafkaOptions _kafka;
    private readonly HashKeyCheck _hashKey;
    private readonly TimeProvider _clock;
    private readonly ILogger<KafkaWatch> _logger;
    private readonly AutoResetEvent _wake = new(false);
    private bool _keyConfirmed;
    private long? _keyAsked;

    public KafkaWatch(EventProducer producer, IOptions<KafkaOptions> kafka, HashKeyCheck hashKey, IHostApplicationLifetime lifetime,
        TimeProvider clock, ILogger<KafkaWatch> logger)
        : base("kafka-watch", lifetime, clock, logger)
    {
        _producer = producer;
        _kafka = kafka.Value;
        _hashKey = hashKey;
        _clock = clock;
        _logger = logger;
        producer.Trouble += () => _wake.Set();
    }

    protected override void Run(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            Beat();
            if (_producer.Session.Fatal) Rebuild();
            Note(Probe() ?? CheckKey());
            WaitHandle.WaitAny([stopping.WaitHandle, _wake], _producer.Obstacle is null ? Interval : IntervalWhileAway);
        }
        // Requests have ended by now: the web server stops first.
        if (_producer.Session.Flush(FlushLimit) is var left and > 0) NotFlushed(_logger, left);
    }

    private void Rebuild()
    {
        var (old, lost) = _producer.Replace();
        Rebuilt(_logger, lost);
        // Closing a producer may take seconds when its broker is gone; nobody needs to wait for it.
        new Thread(old.Dispose) { IsBackground = true, Name = "old-producer" }.Start();
    }

    /// <summary>Null, or why events cannot be taken.</summary>
    private string? Probe()
    {
        var session = _producer.Session;
        var confirmed = session.Confirmed;
        try
        {
            var partitions = session.CountPartitions(ProbeLimit);
            if (session.Fatal) return "the producer is being replaced";
            return partitions == _kafka.Partitions
                ? null
                : $"topic {_kafka.Topics.Events} has {partitions} partitions, Kafka:Partitions says {_kafka.Partitions}";
        }
        catch (KafkaException e) when (e.Error.Code is ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic)
        {
            return $"topic {_kafka.Topics.Events} does not exist; `processor-service create-topics` makes it";
        }
        catch (KafkaException e)
        {
            // A busy machine may answer late: what was confirmed meanwhile proves that Kafka is there.
            return session.Confirmed > confirmed ? null : $"Kafka at {_kafka.BootstrapServers} does not answer ({e.Error.Code})";
        }
    }

    /// <summary>Null, or why the key could not be compared yet.</summary>
    private string? CheckKey()
    {
        if (_keyConfirmed || _keyAsked is { } asked && _clock.GetElapsedTime(asked) < KeyCheckInterval) return null;
        try
        {
            _keyConfirmed = _hashKey.Confirms(KeyCheckLimit);
            _keyAsked = _clock.GetTimestamp();
            return null;
        }
        catch (KafkaException e)
        {
            // Events are taken already: a busy machine that answers late is no reason to refuse them.
            return _keyAsked is null ? $"the hash key could not be compared with {_kafka.Topics.Hours} ({e.Error.Code})" : null;
        }
    }

    private void Note(string? obstacle)
    {
        var before = _producer.Obstacle;
        _producer.Obstacle = obstacle;
        if (obstacle == before) return;
        if (obstacle is null) Taking(_logger, _kafka.Topics.Events);
        else Refusing(_logger, obstacle);
    }

    [LoggerMessage(EventId = 1001, Level = LogLevel.Information, Message = "Taking events into {Topic}")]
    private static partial void Taking(ILogger logger, string topic);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Warning, Message = "Refusing events: {Obstacle}")]
    private static partial void Refusing(ILogger logger, string obstacle);

    [LoggerMessage(EventId = 1003, Level = LogLevel.Warning,
        Message = "The Kafka producer failed for good and was replaced; {Lost} events under way were answered as not confirmed")]
    private static partial void Rebuilt(ILogger logger, int lost);

    [LoggerMessage(EventId = 1004, Level = LogLevel.Error, Message = "{Left} events were not confirmed before the end")]
    private static partial void NotFlushed(ILogger logger, int left);
}
