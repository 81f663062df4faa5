using System.Runtime.ExceptionServices;
using Confluent.Kafka;
using Tally.Shared.Kafka;

namespace Tally.MaterializerService.Feed;

/// <summary>A consumer of a topic of partials. What a handler throws comes out of <see cref="Read"/>.</summary>
public sealed partial class KafkaPartialFeed : IPartialFeed
{
    private static readonly TimeSpan QuestionLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan SilenceBeforeQuestion = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan SignOfLifeLimit = TimeSpan.FromSeconds(1);

    private readonly string _topic;
    private readonly InstanceFencing _fencing;
    private readonly ILogger _logger;
    private readonly IConsumer<byte[]?, byte[]?> _consumer;
    private readonly IAdminClient _admin;
    // The client's own waits run by the system's clock as well.
    private long _heardAt = TimeProvider.System.GetTimestamp();
    private IFeedListener? _listener;
    private ExceptionDispatchInfo? _fault;
    private volatile Error? _fatal;
    private ErrorCode _lastError = ErrorCode.NoError;
    private bool _closed;

    public KafkaPartialFeed(ConsumerConfig config, string topic, InstanceFencing fencing, IFeedListener listener, ILogger logger)
    {
        _topic = topic;
        _fencing = fencing;
        _listener = listener;
        _logger = logger;
        _consumer = new ConsumerBuilder<byte[]?, byte[]?>(config)
            .SetKeyDeserializer(Deserializers.ByteArray!)
            .SetValueDeserializer(Deserializers.ByteArray!)
            .SetLogHandler((_, line) => KafkaClientLog.Take(logger, line))
            .SetErrorHandler((client, error) =>
            {
                KafkaClientLog.Take(logger, client.Name, error);
                if (error.IsFatal) _fatal = error;
            })
            .SetPartitionsAssignedHandler(Assigned)
            .SetPartitionsRevokedHandler((_, partitions) => Tell(l => l.Revoked([.. partitions.Select(p => p.Partition.Value)])))
            .SetPartitionsLostHandler((_, partitions) => Tell(l => l.Revoked([.. partitions.Select(p => p.Partition.Value)])))
            .Build();
        _admin = new DependentAdminClientBuilder(_consumer.Handle).Build();
        _consumer.Subscribe(topic);
    }

    public bool Answers { get; private set; } = true;

    public FeedRecord? Read(TimeSpan wait)
    {
        ConsumeResult<byte[]?, byte[]?>? result = null;
        try
        {
            result = _consumer.Consume(wait);
        }
        catch (ConsumeException e)
        {
            Take(e);
        }
        ThrowFaults();
        if (result is null)
        {
            AskForSignOfLife();
            return null;
        }
        _lastError = ErrorCode.NoError;
        Heard(true);
        return new FeedRecord(result.Partition, result.Offset, result.Message.Key, result.Message.Value, result.Message.Headers);
    }

    public void Seek(int partition, long position) =>
        Ask($"Seek to {position} of partition {partition}", () =>
        {
            _consumer.Seek(new TopicPartitionOffset(_topic, partition, position == 0 ? Offset.Beginning : new Offset(position)));
            return true;
        });

    public void Pause(IReadOnlyCollection<int> partitions) => Ask("Pause", () =>
    {
        _consumer.Pause(partitions.Select(p => new TopicPartition(_topic, p)));
        return true;
    });

    public void Resume(IReadOnlyCollection<int> partitions) => Ask("Resume", () =>
    {
        _consumer.Resume(partitions.Select(p => new TopicPartition(_topic, p)));
        return true;
    });

    public (long Low, long High) QueryEnds(int partition) =>
        Ask($"Ends of partition {partition}", () => _consumer.AskEnds(new TopicPartition(_topic, partition), QuestionLimit));

    public void Close()
    {
        if (_closed) return;
        _closed = true;
        try
        {
            // Destroying a consumer that is still a member of its group hangs in librdkafka 2.0.2.
            _consumer.Close();
        }
        catch (KafkaException e)
        {
            // After a fatal error; why the session ended is known by then.
            NotClosed(_logger, e.Error.Code, e.Error.Reason);
        }
    }

    public void Dispose()
    {
        _listener = null;
        Close();
        _admin.Dispose();
        _consumer.Dispose();
    }

    /// <summary>A topic without news and a broker that is away look the same to a consumer: nothing comes.</summary>
    private void AskForSignOfLife()
    {
        if (TimeProvider.System.GetElapsedTime(_heardAt) < SilenceBeforeQuestion) return;
        try
        {
            _admin.GetMetadata(_topic, SignOfLifeLimit);
            Heard(true);
        }
        catch (KafkaException)
        {
            Heard(false);
        }
    }

    private void Heard(bool answers)
    {
        _heardAt = TimeProvider.System.GetTimestamp();
        Answers = answers;
    }

    private IEnumerable<TopicPartitionOffset> Assigned(IConsumer<byte[]?, byte[]?> consumer, List<TopicPartition> partitions)
    {
        IReadOnlyList<long?>? positions = null;
        Tell(l => positions = l.Assigned([.. partitions.Select(p => p.Partition.Value)]));
        return [.. partitions.Select((p, i) => new TopicPartitionOffset(p, Start(positions?[i])))];
    }

    /// <summary>One whose position is unknown is paused before anything of it is used.</summary>
    private static Offset Start(long? position) => position switch
    {
        null => Offset.End,
        0 => Offset.Beginning,
        { } offset => new Offset(offset),
    };

    private void Take(ConsumeException e)
    {
        if (e.Error.Code is ErrorCode.Local_AutoOffsetReset or ErrorCode.OffsetOutOfRange && e.ConsumerRecord?.TopicPartition is { } where)
            Tell(l => l.OutOfRange(where.Partition));
        else if (e.Error.IsFatal)
            _fatal = e.Error;
        else if (e.Error.Code != _lastError)
            CannotRead(_logger, _topic, e.Error.Code, e.Error.Reason);
        _lastError = e.Error.Code;
    }

    private void Tell(Action<IFeedListener> tell)
    {
        if (_listener is not { } listener || _fault is not null) return;
        try
        {
            tell(listener);
        }
        catch (Exception e)
        {
            _fault = ExceptionDispatchInfo.Capture(e);
        }
    }

    private void ThrowFaults()
    {
        _fault?.Throw();
        if (_fatal is { Code: ErrorCode.FencedInstanceId }) _fencing.Add();
        if (_fatal is { } fatal) throw new FeedLostException($"{fatal.Code} ({fatal.Reason.TrimEnd('.')})");
    }

    private static T Ask<T>(string question, Func<T> ask)
    {
        try
        {
            return ask();
        }
        catch (KafkaException e)
        {
            throw new FeedLostException($"{question}: {e.Error.Code} ({e.Error.Reason.TrimEnd('.')})", e);
        }
    }

    [LoggerMessage(EventId = 6001, Level = LogLevel.Warning, Message = "Cannot read {Topic}: {Code} {Reason}")]
    private static partial void CannotRead(ILogger logger, string topic, ErrorCode code, string reason);

    [LoggerMessage(EventId = 6002, Level = LogLevel.Warning, Message = "The consumer did not leave its group: {Code} {Reason}")]
    private static partial void NotClosed(ILogger logger, ErrorCode code, string reason);
}
