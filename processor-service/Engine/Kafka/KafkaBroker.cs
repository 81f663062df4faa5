using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka.Fetching;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>Kafka, or what speaks its protocol, through Confluent's client.</summary>
/// <param name="ownedThrough">
/// For a job that needs all partitions of its input in one place: the topic whose only partition says which instance that is.
/// </param>
public sealed class KafkaBroker(
    KafkaOptions kafka, ProcessorOptions options, EngineStatus status, TimeProvider clock, ILogger<KafkaBroker> logger, string? ownedThrough = null) : IBroker
{
    /// <summary>
    /// Of a partition at a time: what a fetch brings is taken apart as a whole before the first of it can be read, and is in memory beside what waits already. A larger
    /// record comes all the same, alone.
    /// </summary>
    private const int PartitionFetchBytes = 256 * 1024;

    /// <summary>
    /// A connection that broke without a word is told by the want of answers alone, after a minute by default. Until then no event comes by it, and partitions whose end
    /// was reached say that they are up to date.
    /// </summary>
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan QuestionLimit = TimeSpan.FromSeconds(3);

    /// <summary>Outlives the sessions, each of which is fenced at most once.</summary>
    private readonly InstanceFencing _fencing = new("Processor:Instance", options.Instance, clock);

    private readonly FetchRoute _route = new(kafka, options);

    private IConsumer<Ignore, Ignore>? _probe;

    public int? CountPartitions(string topic)
    {
        try
        {
            using var admin = new DependentAdminClientBuilder(Probe.Handle).Build();
            var found = admin.GetMetadata(topic, QuestionLimit).Topics.Find(t => t.Topic == topic);
            if (found is null || found.Error.Code is ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic || found.Partitions.Count == 0) return null;
            if (found.Error.IsError) throw new KafkaException(found.Error);
            return found.Partitions.Count;
        }
        catch (KafkaException e)
        {
            ForgetProbe();
            throw KafkaFaults.OfQuestion(e, $"Metadata of {topic}");
        }
    }

    public LogEnds QueryEnds(string topic, int partition)
    {
        try
        {
            var (low, high) = Probe.AskEnds(new TopicPartition(topic, partition), QuestionLimit);
            return new LogEnds(low, high);
        }
        catch (KafkaException e)
        {
            ForgetProbe();
            throw KafkaFaults.OfQuestion(e, $"Ends of {topic} partition {partition}");
        }
    }

    public IInputLog OpenInput(string topic, IAssignmentListener listener)
    {
        var config = KafkaClientConfig.Consumer(kafka, ClientId("input"), options.Group);
        config.GroupInstanceId = options.StaticMembership ? options.Instance : null;
        config.SessionTimeoutMs = (int)options.SessionTimeout.TotalMilliseconds;
        // A rebalance is seen at the next heartbeat, and nobody counts until all have seen it.
        config.HeartbeatIntervalMs = (int)options.SessionTimeout.TotalMilliseconds / 12;
        config.PartitionAssignmentStrategy = PartitionAssignmentStrategy.Range;
        Tune(config);
        if (ownedThrough is null) return new KafkaInputLog(config, topic, _fencing, listener, _route, logger);

        var whole = KafkaClientConfig.Consumer(kafka, ClientId("whole-input"), options.Group);
        Tune(whole);
        return new KafkaWholeInputLog(
            owner => new KafkaInputLog(config, ownedThrough, _fencing, owner, _route, logger), topic,
            CountPartitions(topic) ?? throw new BrokerAwayException($"Topic {topic} is not there."), listener,
            from => new KafkaReplayLog(whole, topic, from, isInput: true, _route, logger), clock);
    }

    public IRecordLog OpenReplay(string topic, IReadOnlyCollection<PartitionOffset> from)
    {
        var config = KafkaClientConfig.Consumer(kafka, ClientId("replay"), options.Group);
        config.QueuedMaxMessagesKbytes = options.PrefetchKilobytes;
        config.FetchWaitMaxMs = 50;
        config.ConsumeResultFields = "headers,timestamp";
        FetchOn(config);
        LimitSilence(config);
        Protect(config);
        return new KafkaReplayLog(config, topic, from, isInput: false, _route, logger);
    }

    public ITransactionLog OpenTransactions(CancellationToken cancellation)
    {
        var config = KafkaClientConfig.Producer(kafka, ClientId("output"));
        config.TransactionalId = options.TransactionalId;
        config.TransactionTimeoutMs = (int)options.TransactionTimeout.TotalMilliseconds;
        config.EnableIdempotence = true;
        config.Acks = Acks.All;
        config.EnableDeliveryReports = false;
        config.LingerMs = 5;
        // A dead letter is at most this large, beside its headers.
        config.MessageMaxBytes = Math.Max(1_000_000, options.DeadLetterBytes + 100_000);
        var transactions = new KafkaTransactionLog(config, clock, logger);
        try
        {
            transactions.Initialise(status, cancellation);
            return transactions;
        }
        catch
        {
            transactions.Dispose();
            throw;
        }
    }

    public void Dispose() => _probe?.Dispose();

    /// <summary>It may hold a leader for one that is none any more, or ask over a connection that fell silent: the next one finds both anew.</summary>
    private void ForgetProbe()
    {
        _probe?.Dispose();
        _probe = null;
    }

    /// <summary>Asks about logs as they are, open transactions included.</summary>
    private IConsumer<Ignore, Ignore> Probe
    {
        get
        {
            if (_probe is not null) return _probe;
            var config = KafkaClientConfig.Consumer(kafka, ClientId("probe"), options.Group);
            config.IsolationLevel = IsolationLevel.ReadUncommitted;
            return _probe = new ConsumerBuilder<Ignore, Ignore>(config).LogTo(logger).Build();
        }
    }

    private void Tune(ConsumerConfig config)
    {
        config.FetchWaitMaxMs = (int)options.FetchWait.TotalMilliseconds;
        config.FetchMinBytes = options.FetchBytes;
        config.MaxPartitionFetchBytes = PartitionFetchBytes;
        config.QueuedMinMessages = options.PrefetchRecords;
        config.QueuedMaxMessagesKbytes = options.PrefetchKilobytes;
        config.ConsumeResultFields = "headers,timestamp";
        FetchOn(config);
        LimitSilence(config);
        Protect(config);
    }

    /// <summary>
    /// A partition whose queue was full is left alone for so long, a second by default, and is empty meanwhile. The setting is as old as librdkafka 2.2; before it there
    /// is <see cref="FetchNudge"/>.
    /// </summary>
    private static void FetchOn(ConsumerConfig config)
    {
        const string Backoff = "fetch.queue.backoff.ms";
        if (!FetchNudge.Needed && config.All(property => property.Key != Backoff)) config.Set(Backoff, "1");
    }

    private static void LimitSilence(ConsumerConfig config)
    {
        const string AnswersWithin = "socket.timeout.ms";
        if (config.Any(property => property.Key == AnswersWithin)) return;
        // The client refuses one that is not a second longer than what a fetch may wait.
        config.SocketTimeoutMs = Math.Max((int)AnswerLimit.TotalMilliseconds, (config.FetchWaitMaxMs ?? 0) + 1_000);
    }

    /// <summary>What exactly-once rests on is not for Kafka:Client to change.</summary>
    private static void Protect(ConsumerConfig config)
    {
        config.IsolationLevel = IsolationLevel.ReadCommitted;
        config.EnableAutoCommit = false;
        config.EnableAutoOffsetStore = false;
        config.EnablePartitionEof = true;
        config.AutoOffsetReset = AutoOffsetReset.Error;
        config.AllowAutoCreateTopics = false;
    }

    private string ClientId(string role) => $"tally-processor-{options.Instance}-{role}";
}
