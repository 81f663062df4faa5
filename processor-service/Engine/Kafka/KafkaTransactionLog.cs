using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>The transactional producer of this process slot. After any fault it is disposed; the next one fences what it left.</summary>
public sealed class KafkaTransactionLog : ITransactionLog
{
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan InitLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan AbortLimit = TimeSpan.FromSeconds(2);

    /// <summary>Beyond the limit of a commit, for aborting it and then some.</summary>
    private static readonly TimeSpan CommitGrace = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan QueueFullWait = TimeSpan.FromMilliseconds(10);

    private readonly IProducer<byte[]?, byte[]?> _producer;
    private readonly TimeProvider _clock;
    private readonly HashSet<string> _known = [];
    private readonly CommitThread _commits;

    public KafkaTransactionLog(ProducerConfig config, TimeProvider clock, ILogger logger)
    {
        _clock = clock;
        _producer = new ProducerBuilder<byte[]?, byte[]?>(config).LogTo(logger).Build();
        _commits = new CommitThread(clock, leftBehind: _producer.Dispose);
    }

    /// <summary>Fences a former owner and ends its transaction; waits for the coordinator in slices so that a stop is seen.</summary>
    public void Initialise(EngineStatus status, CancellationToken cancellation)
    {
        var began = _clock.GetTimestamp();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            status.Beat();
            try
            {
                _producer.InitTransactions(Slice);
                return;
            }
            catch (KafkaException e) when (e is KafkaRetriableException || e.Error.Code == ErrorCode.Local_TimedOut)
            {
                if (_clock.GetElapsedTime(began) > InitLimit) throw KafkaFaults.OfQuestion(e, "InitTransactions");
            }
            catch (KafkaException e)
            {
                throw KafkaFaults.OfTransaction(e, "InitTransactions");
            }
        }
    }

    public void Begin() => Do("BeginTransaction", _producer.BeginTransaction);

    public void Write(string topic, int partition, in OutputRecord record)
    {
        if (_known.Add(topic)) AskFor(topic);
        var message = new Message<byte[]?, byte[]?> { Key = record.Key, Value = record.Value, Headers = record.Headers };
        var to = new TopicPartition(topic, partition);
        while (true)
        {
            try
            {
                _producer.Produce(to, message);
                return;
            }
            catch (ProduceException<byte[]?, byte[]?> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                // The broker takes records at its own pace; a transaction that never gets through ends by its time-out.
                _producer.Poll(QueueFullWait);
            }
            catch (KafkaException e)
            {
                throw KafkaFaults.OfTransaction(e, "Produce");
            }
        }
    }

    public ICommitUnderWay BeginCommit(IInputLog input, IReadOnlyCollection<PartitionOffset> offsets, TimeSpan limit)
    {
        var group = (IKafkaMembership)input;
        var next = offsets.Select(at => new TopicPartitionOffset(group.Topic, at.Partition, at.Offset)).ToArray();
        IConsumerGroupMetadata membership = null!;
        Do("ConsumerGroupMetadata", () => membership = group.Membership);
        return _commits.Begin(() => Commit(next, membership, limit), limit + CommitGrace);
    }

    public void Commit(TimeSpan limit) => Do("CommitTransaction", () => _producer.CommitTransaction(limit));

    public void Dispose()
    {
        _commits.Dispose();
        // Disposing what is still called would never end; the thread does it should the call come back.
        if (!_commits.IsStuck) _producer.Dispose();
    }

    private void Commit(TopicPartitionOffset[] next, IConsumerGroupMetadata membership, TimeSpan limit)
    {
        var began = _clock.GetTimestamp();
        try
        {
            Do("SendOffsetsToTransaction", () => _producer.SendOffsetsToTransaction(next, membership, limit));
            var left = limit - _clock.GetElapsedTime(began);
            Do("CommitTransaction", () => _producer.CommitTransaction(left > Slice ? left : Slice));
        }
        catch (SessionEndException e) when (e.InnerException is KafkaTxnRequiresAbortException)
        {
            // Only so that readers wait no longer than needed: whether it works or not, the next owner of the id ends what is open.
            TryAbort();
            throw;
        }
    }

    /// <summary>A producer that meets a topic with its first record asks for it within a second and sends nothing until then: the first commit would wait for that.</summary>
    private void AskFor(string topic)
    {
        using var admin = new DependentAdminClientBuilder(_producer.Handle).Build();
        Do("Metadata", () => admin.GetMetadata(topic, Slice));
    }

    private void TryAbort()
    {
        try
        {
            _producer.AbortTransaction(AbortLimit);
        }
        catch (KafkaException)
        {
        }
    }

    private static void Do(string step, Action action)
    {
        try
        {
            action();
        }
        catch (KafkaException e)
        {
            throw KafkaFaults.OfTransaction(e, step);
        }
    }
}
