using System.Runtime.ExceptionServices;
using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>The group's consumer. Rebalances run inside <see cref="IRecordLog.TryRead"/>, with no record in hand; what a handler throws comes out of it.</summary>
public sealed class KafkaInputLog : KafkaRecordLog, IInputLog, IKafkaMembership
{
    /// <summary>As an offset: the partition is owned but not read.</summary>
    public const long ReadNothing = -1;

    private static readonly TimeSpan QuestionLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan TwinJoinsWithin = TimeSpan.FromSeconds(3);

    private readonly string _topic;
    private readonly InstanceFencing _fencing;
    private IAssignmentListener? _listener;
    private ExceptionDispatchInfo? _fault;
    private Error? _fatal;
    private List<TopicPartition> _unread = [];
    private bool _closed;
    private bool _replaced;

    public KafkaInputLog(ConsumerConfig config, string topic, InstanceFencing fencing, IAssignmentListener listener, ILogger logger)
        : base(topic)
    {
        _topic = topic;
        _fencing = fencing;
        _listener = listener;
        Consumer = new ConsumerBuilder<Ignore, Ignore>(config)
            .SetLogHandler((_, line) => KafkaClientLog.Take(logger, line))
            .SetErrorHandler((client, error) =>
            {
                KafkaClientLog.Take(logger, client.Name, error);
                if (error.IsFatal) _fatal = error;
            })
            .SetPartitionsAssignedHandler(Assigned)
            .SetPartitionsRevokedHandler((_, partitions) => Tell(listener => listener.Revoked(Numbers(partitions))))
            .SetPartitionsLostHandler((_, partitions) => Tell(listener => listener.Lost(Numbers(partitions))))
            .Build();
        Begin(config);
        Consumer.Subscribe(topic);
    }

    public IConsumerGroupMetadata Membership => Consumer.ConsumerGroupMetadata;

    public string Topic => _topic;

    protected override IConsumer<Ignore, Ignore> Consumer { get; }

    public IReadOnlyList<long?> Committed(IReadOnlyList<int> partitions) => Committed(_topic, partitions);

    /// <summary>Offsets of the group in any topic.</summary>
    public IReadOnlyList<long?> Committed(string topic, IReadOnlyList<int> partitions)
    {
        try
        {
            // With read_committed the client asks for stable offsets only and waits while a former owner's transaction is open.
            var found = Consumer.Committed(partitions.Select(p => new TopicPartition(topic, p)), QuestionLimit);
            var byPartition = found.ToDictionary(offset => offset.Partition.Value, offset => offset.Offset);
            return [.. partitions.Select(p => byPartition[p] is { IsSpecial: false } offset ? offset.Value : (long?)null)];
        }
        catch (KafkaException e)
        {
            throw KafkaFaults.OfQuestion(e, "Committed offsets");
        }
    }

    public long? LastKnownEnd(int partition) =>
        Consumer.GetWatermarkOffsets(new TopicPartition(_topic, partition)).High is { IsSpecial: false } end ? end.Value : null;

    public void Close()
    {
        CloseConsumer();
        ThrowFaults();
    }

    public void Abandon(bool fenced)
    {
        // No handler may commit any more. It is closed all the same: destroying a consumer that is still a member of its group hangs in
        // librdkafka 2.0.2.
        _listener = null;
        if (fenced) ListenWhetherReplaced();
        CloseConsumer();
        ThrowIfReplaced();
    }

    public override void Dispose()
    {
        _listener = null;
        CloseConsumer();
        Consumer.Dispose();
    }

    protected override void Serve()
    {
        try
        {
            base.Serve();
        }
        finally
        {
            ThrowFaults();
            PauseUnread();
        }
    }

    /// <summary>
    /// Whoever fenced our producer joins the group next if it has our name; then one of the two must end, or they would fence each other for ever.
    /// </summary>
    private void ListenWhetherReplaced()
    {
        var until = Environment.TickCount64 + (long)TwinJoinsWithin.TotalMilliseconds;
        while (_fatal is null && Environment.TickCount64 < until)
        {
            try
            {
                Consumer.Consume(TimeSpan.FromMilliseconds(50));
            }
            catch (ConsumeException)
            {
                return;
            }
        }
    }

    private void CloseConsumer()
    {
        if (_closed) return;
        _closed = true;
        TakeWhatIsGiven();
        // Closing disposes the client, and that waits for every record which is still held.
        EndReading();
        try
        {
            Consumer.Close();
        }
        catch (KafkaException e)
        {
            // Only a consumer that failed for good says so again when it is closed.
            _fatal ??= e.Error;
        }
    }

    /// <summary>
    /// librdkafka 2.0.2 ends its part in the group as soon as an assignment is answered while it closes. If that ends just as Confluent's handler asks for the
    /// rebalance protocol, nobody answers the question and the call never returns. So what waits is taken before.
    /// </summary>
    private void TakeWhatIsGiven()
    {
        try
        {
            Consumer.Consume(TimeSpan.Zero);
        }
        catch (KafkaException)
        {
            // A consumer that failed for good: closing says so.
        }
    }

    private IEnumerable<TopicPartitionOffset> Assigned(IConsumer<Ignore, Ignore> consumer, List<TopicPartition> partitions)
    {
        // A handler that fails while the consumer is closed leaves the group waiting for its answer, and Close with it.
        if (_closed) return [.. partitions.Select(p => new TopicPartitionOffset(p, Offset.End))];
        IReadOnlyList<long>? offsets = null;
        Tell(listener => offsets = listener.Assigned(Numbers(partitions)));
        Follow(Numbers(partitions));
        // After a fault the session is over; nothing that is read any more is processed.
        if (offsets is [ReadNothing, ..]) _unread = [.. partitions];
        return [.. partitions.Select((p, i) => new TopicPartitionOffset(p, offsets is null || offsets[i] == ReadNothing ? Offset.End : new Offset(offsets[i])))];
    }

    /// <summary>Only what is assigned can be paused, so it comes after the handler.</summary>
    private void PauseUnread()
    {
        if (_unread.Count == 0) return;
        Consumer.Pause(_unread);
        _unread = [];
    }

    private void Tell(Action<IAssignmentListener> tell)
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
        ThrowIfReplaced();
        if (_fatal is not null) throw KafkaFaults.OfInput(_fatal, null);
    }

    private void ThrowIfReplaced()
    {
        if (_replaced || _fatal is not { Code: ErrorCode.FencedInstanceId }) return;
        _replaced = true;
        _fencing.Add();
    }

    private static int[] Numbers(IEnumerable<TopicPartition> partitions) => [.. partitions.Select(p => p.Partition.Value)];

    private static int[] Numbers(IEnumerable<TopicPartitionOffset> partitions) => [.. partitions.Select(p => p.Partition.Value)];
}
