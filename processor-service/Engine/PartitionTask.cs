using Confluent.Kafka;
using Google.Protobuf;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine;

/// <summary>One input partition: the job's task, how far it has come, what became of the records, what is to be written.</summary>
public sealed class PartitionTask(IJob job, int partition, int partitionCount, IJobTask task, DeadLetterWriter deadLetterWriter) : IDisposable
{
    private readonly SortedDictionary<string, long> _deadLettered = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _toldCounters = [];
    private readonly List<OutputRecord> _deadLetters = [];
    private long _counted;
    private long _duplicate;
    private long _corrected;
    private long _asOfMs;
    private long _lastAppendMs;
    private long _readBytes;
    private long _writtenBytes;
    private long _sinceMs;
    private (long Counted, long Duplicate, long Corrected, long Dead) _told;

    public int Partition => partition;

    /// <summary>Next input offset to read.</summary>
    public long NextOffset { get; private set; }

    /// <summary>Everything readable was read, and nothing has come since.</summary>
    public bool AtEnd { get; private set; }

    /// <summary>Records processed since the last <see cref="Write"/>.</summary>
    public int Unwritten { get; private set; }

    /// <summary>When progress was last written, in ticks of the engine's clock; 0 before the first time.</summary>
    public long WrittenAt { get; set; }

    /// <summary><see cref="NextOffset"/> at the last snapshot.</summary>
    public long SnapshotOffset { get; set; }

    public IJobTask Task => task;

    /// <summary>The progress that was written or restored last.</summary>
    public Progress? LastProgress { get; private set; }

    /// <summary>Begins where a restored progress record ends.</summary>
    public string? Resume(Progress progress)
    {
        LastProgress = progress;
        NextOffset = progress.NextOffset;
        _asOfMs = progress.AsOfMs;
        _sinceMs = progress.SinceMs;
        _lastAppendMs = progress.LastAppendMs;
        _counted = progress.Outcomes?.Counted ?? 0;
        _duplicate = progress.Outcomes?.Duplicate ?? 0;
        _corrected = progress.Outcomes?.Corrected ?? 0;
        foreach (var (reason, count) in progress.Outcomes?.DeadLettered ?? []) _deadLettered[reason] = count;
        _told = (_counted, _duplicate, _corrected, _deadLettered.Values.Sum());
        foreach (var (name, count) in progress.Counters) _toldCounters[name] = count;
        return task.Resume(progress);
    }

    public void StartAt(long offset, long nowMs)
    {
        NextOffset = offset;
        if (_sinceMs == 0) _sinceMs = nowMs;
    }

    public Outcome Process(in LogRecord record)
    {
        var outcome = task.Process(record);
        switch (outcome.Kind)
        {
            case OutcomeKind.Counted:
                _counted++;
                break;
            case OutcomeKind.Duplicate:
                _duplicate++;
                break;
            case OutcomeKind.Corrected:
                _corrected++;
                break;
            case OutcomeKind.Deferred:
                break;
            default:
                _deadLettered[outcome.Reason] = _deadLettered.GetValueOrDefault(outcome.Reason) + 1;
                _deadLetters.Add(deadLetterWriter.Write(record, outcome));
                break;
        }
        NextOffset = record.Offset + 1;
        _readBytes += record.Key.Length + record.Value.Length;
        _lastAppendMs = record.TimestampMs;
        AtEnd = false;
        Unwritten++;
        return outcome;
    }

    public void ReachedEnd()
    {
        AtEnd = true;
        task.ReachedEnd();
    }

    /// <summary>Reading begins anew at <see cref="NextOffset"/>.</summary>
    public void GoOn() => AtEnd = false;

    /// <summary>
    /// Adds all that changed to the open transaction, progress last. What comes from now on belongs to the next one: if this one fails, nothing here may be used any more.
    /// </summary>
    /// <param name="transaction">The open transaction.</param>
    /// <param name="nowMs">Unix time in ms.</param>
    /// <param name="readUpToMs">Every event appended before this Unix time (ms) had been handed to us when the reader last ran dry.</param>
    /// <param name="trace">Headers that continue the trace of the batch.</param>
    public void Write(ITransactionLog transaction, long nowMs, long readUpToMs, IReadOnlyList<IHeader> trace)
    {
        var settled = task.Settle();
        _counted += settled.Counted;
        _duplicate += settled.Duplicate;
        _corrected += settled.Corrected;
        foreach (var letter in settled.DeadLettered ?? []) Take(letter);
        var emit = new Emit(transaction, job.Topics, partition, trace);
        foreach (var letter in _deadLetters) transaction.Write(job.Topics.DeadLetter, partition, letter);
        task.Emit(NextOffset, emit);
        // A record's timestamp is its producer's clock: it may run ahead, ours bounds it.
        var readTo = AtEnd ? readUpToMs : Math.Min(_lastAppendMs, readUpToMs);
        _asOfMs = Math.Max(_asOfMs, readTo);
        var progress = (LastProgress = Progress(nowMs)).ToByteArray();
        // Where the output is the changelog, one record is both.
        if (job.Topics.Changelog != job.Topics.Output) emit.Changelog(RecordKeys.ChangelogProgress, progress, RecordTypes.Progress);
        emit.Output(RecordKeys.Progress(partition), progress, RecordTypes.Progress);
        _deadLetters.Clear();
        (_writtenBytes, _readBytes) = (_readBytes, 0);
        Unwritten = 0;
    }

    /// <summary>What was written last is committed. Metrics tell no more than that.</summary>
    public void Committed() => CountEvents(LastProgress!);

    public void Dispose() => task.Dispose();

    private void Take(DeferredLetter letter)
    {
        var record = new LogRecord
        {
            Partition = partition,
            Offset = letter.Offset,
            HasKey = letter.Key is not null,
            Key = letter.Key,
            HasValue = true,
            Value = letter.Value,
            Headers = letter.Headers,
        };
        _deadLettered[letter.Outcome.Reason] = _deadLettered.GetValueOrDefault(letter.Outcome.Reason) + 1;
        _deadLetters.Add(deadLetterWriter.Write(record, letter.Outcome));
    }

    private void CountEvents(Progress committed)
    {
        var of = committed.Outcomes;
        var (counted, duplicate, corrected, dead) = (of.Counted, of.Duplicate, of.Corrected, of.DeadLettered.Values.Sum());
        var ofJob = EngineMetrics.Job(job.Name);
        if (counted > _told.Counted) EngineMetrics.Events.Add(counted - _told.Counted, ofJob, EngineMetrics.Counted);
        if (duplicate > _told.Duplicate) EngineMetrics.Events.Add(duplicate - _told.Duplicate, ofJob, EngineMetrics.Duplicate);
        if (dead > _told.Dead) EngineMetrics.Events.Add(dead - _told.Dead, ofJob, EngineMetrics.DeadLettered);
        if (corrected > _told.Corrected) EngineMetrics.Events.Add(corrected - _told.Corrected, ofJob, EngineMetrics.Corrected);
        _told = (counted, duplicate, corrected, dead);
        EngineMetrics.ReadBytes.Add(_writtenBytes, ofJob);
        foreach (var (name, count) in committed.Counters)
        {
            if (count > _toldCounters.GetValueOrDefault(name)) EngineMetrics.JobCounts.Add(count - _toldCounters.GetValueOrDefault(name), ofJob, EngineMetrics.Count(name));
            _toldCounters[name] = count;
        }
    }

    private Progress Progress(long nowMs)
    {
        var progress = new Progress
        {
            Generation = job.Generation,
            Partition = partition,
            NextOffset = NextOffset,
            Outcomes = new Outcomes { Counted = _counted, Duplicate = _duplicate, Corrected = _corrected },
            AsOfMs = _asOfMs,
            CommittedAtMs = nowMs,
            SinceMs = _sinceMs,
            PartitionCount = partitionCount,
            Partitioner = KafkaClientConfig.PartitionerName,
            LastAppendMs = _lastAppendMs,
            InputTopic = job.Topics.Input,
        };
        foreach (var (reason, count) in _deadLettered) progress.Outcomes.DeadLettered.Add(reason, count);
        task.Describe(progress);
        return progress;
    }

    private sealed class Emit(ITransactionLog transaction, JobTopics topics, int partition, IReadOnlyList<IHeader> trace) : IEmit
    {
        public void Output(byte[] key, byte[] value, byte[] type) => Write(topics.Output, key, value, type, trace);

        // What is sent seldom stands for the events of many batches.
        public void Aside(byte[] key, byte[] value, byte[] type) => Write(topics.Aside!, key, value, type, []);

        public void Changelog(byte[] key, byte[] value, byte[] type) => Write(topics.Changelog, key, value, type, []);

        public void ChangelogTombstone(byte[] key) => ChangelogTombstone(partition, key);

        public void ChangelogTombstone(int partition, byte[] key) => transaction.Write(topics.Changelog, partition, new OutputRecord(key, null, []));

        public void Publish(string topic, int partition, byte[] key, byte[] value)
        {
            var headers = new Headers();
            foreach (var header in trace) headers.Add(header.Key, header.GetValueBytes());
            transaction.Write(topic, partition, new OutputRecord(key, value, headers));
        }

        private void Write(string topic, byte[] key, byte[] value, byte[] type, IReadOnlyList<IHeader> more)
        {
            var headers = new Headers { { RecordTypes.Header, type } };
            foreach (var header in more) headers.Add(header.Key, header.GetValueBytes());
            transaction.Write(topic, partition, new OutputRecord(key, value, headers));
        }
    }
}
