using System.Runtime.ExceptionServices;
using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka.Fetching;
using Tally.ProcessorService.Engine.Kafka.Wire;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>
/// The group's consumer. Rebalances run inside <see cref="IRecordLog.TryRead"/>, with no record in hand; what a handler throws comes out of it. Where records come over
/// connections of our own, the consumer has its partitions without reading them.
/// </summary>
public sealed partial class KafkaInputLog : KafkaRecordLog, IInputLog, IKafkaMembership
{
    /// <summary>As an offset: the partition is owned but not read.</summary>
    public const long ReadNothing = -1;

    private static readonly TimeSpan QuestionLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan GoodbyeLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TwinJoinsWithin = TimeSpan.FromSeconds(3);

    private readonly ConsumerConfig _config;
    private readonly string _topic;
    private readonly InstanceFencing _fencing;
    private readonly FetchRoute _route;
    private readonly ILogger _logger;
    private readonly IConsumer<Ignore, Ignore> _consumer;
    private IAssignmentListener? _listener;
    private ExceptionDispatchInfo? _fault;
    private Error? _fatal;
    private List<TopicPartition> _unread = [];
    private List<TopicPartition> _resumed = [];
    private bool _hasPaused;
    private bool _closed;
    private bool _replaced;

    public KafkaInputLog(ConsumerConfig config, string topic, InstanceFencing fencing, IAssignmentListener listener, FetchRoute route, ILogger logger)
    {
        (_config, _topic, _fencing, _listener, _route, _logger) = (config, topic, fencing, listener, route, logger);
        _consumer = new ConsumerBuilder<Ignore, Ignore>(config)
            .SetLogHandler((_, line) => KafkaClientLog.Take(logger, line))
            .SetErrorHandler((client, error) =>
            {
                KafkaClientLog.Take(logger, client.Name, error);
                if (error.IsFatal) _fatal = error;
            })
            .SetPartitionsAssignedHandler(Assigned)
            .SetPartitionsRevokedHandler((_, partitions) => Taken(Numbers(partitions)))
            .SetPartitionsLostHandler((_, partitions) => Tell(listener => listener.Lost(Numbers(partitions))))
            .Build();
        Begin(route.Open(config, topic, isInput: true, logger) as IRecordFetch ?? new LibrdkafkaFetch(_consumer, config, topic));
        _consumer.Subscribe(topic);
    }

    public IConsumerGroupMetadata Membership => _consumer.ConsumerGroupMetadata;

    public string Topic => _topic;

    public IReadOnlyList<long?> Committed(IReadOnlyList<int> partitions) => Committed(_topic, partitions);

    /// <summary>Offsets of the group in any topic.</summary>
    public IReadOnlyList<long?> Committed(string topic, IReadOnlyList<int> partitions)
    {
        try
        {
            // With read_committed the client asks for stable offsets only and waits while a former owner's transaction is open.
            var found = _consumer.Committed(partitions.Select(p => new TopicPartition(topic, p)), QuestionLimit);
            var byPartition = found.ToDictionary(offset => offset.Partition.Value, offset => offset.Offset);
            return [.. partitions.Select(p => byPartition[p] is { IsSpecial: false } offset ? offset.Value : (long?)null)];
        }
        catch (KafkaException e)
        {
            throw KafkaFaults.OfQuestion(e, "Committed offsets");
        }
    }

    public long? LastKnownEnd(int partition) => Fetch is WireFetch wire ? wire.LastKnownEnd(partition) :
        _consumer.GetWatermarkOffsets(new TopicPartition(_topic, partition)).High is { IsSpecial: false } end ? end.Value : null;

    public void Close()
    {
        var member = _consumer.MemberId;
        CloseConsumer();
        if (_fatal is null) SayGoodbye(member);
        ThrowFaults();
    }

    public void Abandon(bool fenced)
    {
        // No handler may commit any more. It is closed all the same: destroying a consumer that is still a member of its group hangs in
        // librdkafka 2.0.2.
        _listener = null;
        // It may have been heard while it closed.
        if (fenced && !_closed) ListenWhetherReplaced();
        CloseConsumer();
        ThrowIfReplaced();
    }

    public override void Dispose()
    {
        _listener = null;
        CloseConsumer();
        _consumer.Dispose();
    }

    protected override void Serve()
    {
        try
        {
            ConsumerCalls.Serve(_consumer, isRead: Fetch is LibrdkafkaFetch);
        }
        finally
        {
            ThrowFaults();
            PauseAndResume();
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
                _consumer.Consume(TimeSpan.FromMilliseconds(50));
            }
            catch (ConsumeException)
            {
                return;
            }
        }
    }

    private void SayGoodbye(string member)
    {
        // Without an id of its own it would take whoever has its name out of the group.
        if (member.Length == 0 || _config.GroupInstanceId is not { } instance || _route.Leaving(_config) is not { } leaving) return;
        if (leaving.Leave(_config.GroupId, member, instance, GoodbyeLimit) is { } fault) Stays(_logger, instance, fault);
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
            _consumer.Close();
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
            _consumer.Consume(TimeSpan.Zero);
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
        // After a fault the session is over; nothing that is read any more is processed.
        var isRead = offsets is [not ReadNothing, ..];
        if (Fetch is WireFetch wire) wire.Assign(isRead ? partitions.Select((p, i) => new PartitionOffset(p.Partition.Value, offsets![i])) : []);
        else if (Fetch is LibrdkafkaFetch librdkafka) librdkafka.Follow(Numbers(partitions));
        if (isRead && Fetch is LibrdkafkaFetch)
        {
            if (_hasPaused) _resumed = [.. partitions];
            return [.. partitions.Select((p, i) => new TopicPartitionOffset(p, offsets![i]))];
        }
        _unread = [.. partitions];
        return [.. partitions.Select(p => new TopicPartitionOffset(p, Offset.End))];
    }

    private void Taken(IReadOnlyList<int> partitions)
    {
        Tell(listener => listener.Revoked(partitions));
        (_unread, _resumed) = ([], []);
        if (Fetch is WireFetch wire) wire.Assign([]);
    }

    private protected override void GoOnThroughLibrdkafka(WireFetch refused)
    {
        _route.Refuse(_topic, refused.Refusal!, _logger);
        var fetch = new LibrdkafkaFetch(_consumer, _config, _topic);
        Begin(fetch);
        fetch.Follow([.. refused.Positions.Select(at => at.Partition)]);
        if (refused.Positions.Count == 0) return;
        var positions = refused.Positions.Select(at => new TopicPartitionOffset(_topic, at.Partition, at.Offset)).ToArray();
        try
        {
            foreach (var position in positions) _consumer.Seek(position);
            _consumer.Resume(positions.Select(at => at.TopicPartition));
        }
        catch (KafkaException e)
        {
            throw KafkaFaults.OfInput(e.Error, e);
        }
    }

    /// <summary>Only what is assigned can be paused, so it comes after the handler. What was paused once stays so in later assignments.</summary>
    private void PauseAndResume()
    {
        if (_unread.Count + _resumed.Count == 0) return;
        try
        {
            if (_unread.Count > 0) _consumer.Pause(_unread);
            if (_resumed.Count > 0) _consumer.Resume(_resumed);
        }
        catch (KafkaException e)
        {
            throw KafkaFaults.OfInput(e.Error, e);
        }
        _hasPaused |= _unread.Count > 0;
        (_unread, _resumed) = ([], []);
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

    [LoggerMessage(EventId = 3043, Level = LogLevel.Information, Message = "Instance {Instance} ends without leaving its group, which gives its partitions away once Processor:SessionTimeout has passed: {Why}")]
    private static partial void Stays(ILogger logger, string instance, string why);

    private static int[] Numbers(IEnumerable<TopicPartition> partitions) => [.. partitions.Select(p => p.Partition.Value)];

    private static int[] Numbers(IEnumerable<TopicPartitionOffset> partitions) => [.. partitions.Select(p => p.Partition.Value)];
}
