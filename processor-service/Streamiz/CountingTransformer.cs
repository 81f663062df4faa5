using Streamiz.Kafka.Net.Processors.Public;
using Streamiz.Kafka.Net.State;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Record = Streamiz.Kafka.Net.Processors.Public.Record<byte[], byte[]>;
using RoutedRecord = Streamiz.Kafka.Net.Processors.Public.Record<byte[], Tally.ProcessorService.Streamiz.Routed>;

namespace Tally.ProcessorService.Streamiz;

/// <summary>
/// One input partition as a step of the topology. It is the native engine's <see cref="PartitionTask"/> around the same job; what that would
/// write to its changelog goes into a state store. Streamiz commits whenever it likes, so each record is followed by all it changes.
/// </summary>
public sealed class CountingTransformer(TopologyParts parts) : ITransformer<byte[], byte[], byte[], Routed>, ITransactionLog
{
    private ProcessorContext<byte[], Routed> _context = null!;
    private IKeyValueStore<byte[], byte[]> _state = null!;
    private PartitionTask? _task;

    /// <summary>Streamiz makes one of these only to learn the type.</summary>
    public CountingTransformer() : this(null!)
    {
    }

    public void Init(ProcessorContext<byte[], Routed> context)
    {
        _context = context;
        _state = (IKeyValueStore<byte[], byte[]>)context.GetStateStore(TopologyParts.Store);
        context.Schedule(parts.Options.HeartbeatInterval, PunctuationType.PROCESSING_TIME, _ => Heartbeat());
    }

    public RoutedRecord Process(Record record)
    {
        var at = record.TopicPartitionOffset;
        var task = _task ??= Load(at.Partition);
        if (at.Offset < task.NextOffset) return null!;
        task.Process(new LogRecord
        {
            Partition = at.Partition,
            Offset = at.Offset,
            TimestampMs = record.Timestamp.UnixTimestampMs,
            HasKey = record.Key is not null,
            HasValue = record.Value is not null,
            Key = record.Key,
            Value = record.Value,
            Headers = record.Headers,
        });
        Write(task, NowMs);
        return null!;
    }

    public void Close()
    {
    }

    void ITransactionLog.Begin()
    {
    }

    void ITransactionLog.Write(string topic, int partition, in OutputRecord record)
    {
        if (topic == parts.Job.Topics.Changelog)
        {
            _state.Put(record.Key!, record.Value!);
            return;
        }
        _context.SetHeaders(record.Headers);
        _context.Forward(record.Key!, new Routed(topic, partition, record.Value));
    }

    ICommitUnderWay ITransactionLog.BeginCommit(IInputLog input, IReadOnlyCollection<PartitionOffset> offsets, TimeSpan limit) =>
        throw new NotSupportedException("Streamiz commits by itself.");

    void ITransactionLog.Commit(TimeSpan limit)
    {
    }

    void IDisposable.Dispose()
    {
    }

    private long NowMs => parts.Clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>An idle partition says that it is up to date, once nothing is left to read.</summary>
    private void Heartbeat()
    {
        parts.Status.Beat();
        var partition = _context.Id.Partition;
        if (!parts.Restores.IsRestored(partition)) return;
        var task = _task ??= Load(partition);
        var nowMs = NowMs;
        if (!IsAtEnd(task)) return;
        task.ReachedEnd();
        _context.ChangeTimestamp(nowMs);
        Write(task, nowMs);
        _context.Commit();
    }

    private bool IsAtEnd(PartitionTask task)
    {
        try
        {
            return parts.Broker.QueryEnds(parts.Job.Topics.Input, task.Partition).High <= task.NextOffset;
        }
        catch (BrokerAwayException)
        {
            // Nobody knows the end now; thrown on, it would end the stream.
            return false;
        }
    }

    private void Write(PartitionTask task, long nowMs)
    {
        try
        {
            task.Write(this, nowMs, nowMs, []);
        }
        catch (Exception e)
        {
            // While it stops after an error Streamiz commits what was sent: half of what an event changes. A process that dies commits nothing.
            Environment.FailFast($"The output of {parts.Job.Topics.Input}, partition {task.Partition} could not be sent as a whole; the next start repeats it.", e);
        }
        task.Committed();
    }

    /// <summary>From what Streamiz has restored into the store.</summary>
    private PartitionTask Load(int partition)
    {
        var task = new PartitionTask(parts.Job, partition, parts.Partitions, parts.Job.CreateTask(partition, parts.Partitions), parts.DeadLetters);
        Progress? progress = null;
        // The store has them in the order of their bytes: chunk 10 before chunk 2.
        foreach (var (key, value) in _state.All().Select(e => (e.Key, e.Value)).OrderBy(e => e.Key.Length))
        {
            if (RecordKeys.IsProgress(key)) progress = Progress.Parser.ParseFrom(value);
            else task.Task.Restore(key, value, headers: null);
        }
        if (progress is null)
        {
            task.StartAt(0, NowMs);
            return task;
        }
        if (progress.PartitionCount != parts.Partitions)
            throw new ConfigurationException($"{parts.Job.Topics.Input} had {progress.PartitionCount} partitions and has {parts.Partitions}: rebuild into a new generation.");
        return task.Resume(progress) is { } refusal ? throw new ConfigurationException($"{parts.Job.Topics.Input}, partition {partition}: {refusal}.") : task;
    }
}
