using Polly.CircuitBreaker;
using Tally.MaterializerService.Feed;
using Tally.Shared.Archive;
using Tally.Shared.Hosting;
using Tally.Shared.Observability;
using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>
/// One life of a sink's consumer: reads, gathers, writes. The position lives in the store, so nothing is committed to Kafka, and a
/// session that ends in any way loses nothing. All of it runs on one thread.
/// </summary>
public sealed partial class SinkSession<T> : IFeedListener where T : class
{
    private static readonly TimeSpan IdleWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Backoff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan PositionLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(2);

    private readonly SinkProfile<T> _sink;
    private readonly SinkWriter<T> _writer;
    private readonly SinkStatus _status;
    private readonly MaterializerOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly PendingBatch<T> _batch;
    private readonly BatchTrace _trace;
    private readonly Dictionary<int, OwnedPartition> _owned = [];
    private IPartialFeed _feed = null!;
    private CancellationToken _hurry;
    private long _gatheredSince;
    private long _restSince;
    private TimeSpan _rest;
    private long _epoch;
    private bool _paused;
    private bool _unprepared;

    public SinkSession(
        SinkProfile<T> sink, SinkWriter<T> writer, SinkStatus status, MaterializerOptions options, TimeProvider clock, ILogger logger)
    {
        _sink = sink;
        _writer = writer;
        _status = status;
        _options = options;
        _clock = clock;
        _logger = logger;
        _batch = new PendingBatch<T>(sink.Kind, sink.Feeds.Topic, sink.BatchRecords);
        _trace = new BatchTrace(SinkMetrics.Activities, sink.Feeds.Topic, sink.Group, clock);
    }

    /// <summary>Runs until <paramref name="stopping"/> is cancelled; then writes what is in hand and leaves the group.</summary>
    /// <param name="beat">Called at every turn.</param>
    /// <param name="stopping">The end.</param>
    /// <exception cref="FeedLostException">A new session is needed.</exception>
    /// <exception cref="ConfigurationException">Only a person can mend it.</exception>
    public void Run(Action beat, CancellationToken stopping)
    {
        using var hurry = new CancellationTokenSource();
        using var registration = stopping.Register(() => hurry.CancelAfter(StopLimit));
        _hurry = hurry.Token;
        using var feed = _sink.Feeds.Open(_sink.Group, this);
        _feed = feed;
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                beat();
                Turn();
            }
            if (!_batch.IsEmpty) Write();
            feed.Close();
        }
        finally
        {
            _status.Partitions = null;
            _status.AsOfMs = 0;
        }
    }

    public IReadOnlyList<long?> Assigned(IReadOnlyList<int> partitions)
    {
        foreach (var partition in partitions) _owned[partition] = new OwnedPartition(new PartitionTrail(_options.ReplayAfterReconnect, _clock));
        var positions = TryPositions(partitions);
        if (positions is not null)
            foreach (var (partition, position) in positions) _batch.Follow(partition, position);
        // Pausing is done again for all of them.
        _paused = false;
        Owns();
        return [.. partitions.Select(p => positions is null ? (long?)null : positions[p])];
    }

    public void Revoked(IReadOnlyList<int> partitions)
    {
        foreach (var partition in partitions)
        {
            _owned.Remove(partition);
            _batch.Forget(partition);
        }
        Owns();
    }

    public void OutOfRange(int partition)
    {
        if (!_owned.TryGetValue(partition, out var owned)) return;
        owned.Doubted = true;
        _batch.Forget(partition);
    }

    private void Turn()
    {
        if (Resting <= TimeSpan.Zero) Settle();
        if (_sink.Store.Epoch != _epoch) ApplyLastMinuteAgain();
        if (_batch.IsFull && !_paused) PauseAll();
        var record = _feed.Read(Wait());
        _status.KafkaAnswers = _feed.Answers;
        if (record is not null) Take(record);
        if (Due(record is null)) Write();
    }

    private void Take(FeedRecord record)
    {
        if (!_batch.Follows(record.Partition)) return;
        if (_batch.IsEmpty) _gatheredSince = _clock.GetTimestamp();
        var decoded = _sink.Kind.Read(_sink.Feeds.Topic, record);
        if (decoded.Partial is { } partial && _sink.Refusal?.Invoke(partial) is { } refusal) throw new ConfigurationException(refusal);
        if (_batch.Take(record, decoded) && decoded.Partial is not null) _trace.Take(record.Headers);
    }

    private TimeSpan Resting => _rest - _clock.GetElapsedTime(_restSince);

    private TimeSpan Wait()
    {
        if (_batch.IsEmpty) return IdleWait;
        var left = _sink.Linger - _clock.GetElapsedTime(_gatheredSince);
        if (Resting > left) left = Resting;
        if (left < TimeSpan.Zero) left = TimeSpan.Zero;
        return left < IdleWait ? left : IdleWait;
    }

    private bool Due(bool noneAtHand)
    {
        if (_batch.IsEmpty || Resting > TimeSpan.Zero) return false;
        if (_batch.IsFull) return true;
        return _sink.Linger == TimeSpan.Zero ? noneAtHand : _clock.GetElapsedTime(_gatheredSince) >= _sink.Linger;
    }

    private void Write()
    {
        var batch = _batch.Build();
        var began = _clock.GetTimestamp();
        var outcome = "failed";
        using (batch.Partials.Count > 0 && _trace.HasLinks ? _trace.Start(_batch.Records) : null)
        {
            try
            {
                PrepareAgain();
                var result = _writer.WriteAsync(batch, _hurry).GetAwaiter().GetResult();
                outcome = result.Applied ? "written" : "reread";
                if (result.Applied) Written(batch);
                else Lost(batch, result.Positions);
            }
            catch (Exception e) when (e is not ConfigurationException)
            {
                Rest($"{_sink.Name} cannot be written: {e.Message}", e);
            }
        }
        SinkMetrics.BatchDuration.Record(_clock.GetElapsedTime(began).TotalSeconds, SinkMetrics.Sink(_sink.Name), SinkMetrics.Outcome(outcome));
    }

    private void Written(SinkBatch<T> batch)
    {
        SinkMetrics.Records.Add(_batch.Records, SinkMetrics.Sink(_sink.Name));
        foreach (var range in batch.Ranges) _owned[range.Partition].Trail.Note(range.From);
        foreach (var progress in batch.Progress)
        {
            var owned = _owned[progress.Partition];
            owned.AsOfMs = Math.Max(owned.AsOfMs, progress.AsOfMs);
        }
        PointReaders(batch);
        _batch.Written();
        _trace.Clear();
        ResumeAll();
        Owns();
        Well();
    }

    /// <summary>The store stands before what was read: it was emptied, replaced or set back.</summary>
    private void Lost(SinkBatch<T> batch, IReadOnlyDictionary<int, long> positions)
    {
        foreach (var range in batch.Ranges.Where(r => positions[r.Partition] < r.From))
        {
            WentBack(_logger, _sink.Name, range.Partition, range.From, positions[range.Partition]);
            ReadAgain(range.Partition, positions[range.Partition], "lost");
        }
        _pointed = false;
        ResumeAll();
    }

    private void ApplyLastMinuteAgain()
    {
        _pointed = false;
        _epoch = _sink.Store.Epoch;
        var begins = _owned.Where(o => _batch.Follows(o.Key) && o.Value.Trail.Begin is not null).ToDictionary(o => o.Key, o => o.Value.Trail.Begin!.Value);
        if (begins.Count == 0) return;
        Reconnected(_logger, _sink.Name, begins.Count, _options.ReplayAfterReconnect);
        foreach (var (partition, begin) in begins) ReadAgain(partition, begin, "reconnect");
    }

    private void ReadAgain(int partition, long position, string reason)
    {
        SinkMetrics.Rereads.Add(1, SinkMetrics.Sink(_sink.Name), SinkMetrics.Reason(reason));
        _owned[partition].Trail = new PartitionTrail(_options.ReplayAfterReconnect, _clock);
        _batch.Follow(partition, position);
        _feed.Seek(partition, position);
    }

    private void PauseAll()
    {
        _feed.Pause(_owned.Keys);
        _paused = true;
    }

    private void ResumeAll()
    {
        if (_paused) _feed.Resume([.. _owned.Keys.Where(_batch.Follows)]);
        _paused = false;
    }

    private void Owns()
    {
        _status.Partitions = [.. _owned.Keys.Order()];
        _status.AsOfMs = _owned.Count == 0 ? 0 : _owned.Values.Min(o => o.AsOfMs);
    }

    private void Rest(string trouble, Exception e)
    {
        _rest = Backoff;
        _restSince = _clock.GetTimestamp();
        _unprepared |= e is ArchiveNotReadyException;
        if (_status.Trouble is null) Failing(_logger, e, _sink.Name);
        // An open breaker says nothing of the cause, which was told before.
        if (e is not BrokenCircuitException || _status.Trouble is null) _status.Trouble = trouble;
    }

    /// <summary>A store whose tables are gone, as when its file was deleted, is made anew; being empty, it then asks for everything.</summary>
    private void PrepareAgain()
    {
        if (!_unprepared) return;
        _sink.Prepare(_hurry).GetAwaiter().GetResult();
        _unprepared = false;
    }

    private void Well()
    {
        if (_status.Trouble is not null) Writes(_logger, _sink.Name);
        _status.Trouble = null;
    }

    private sealed class OwnedPartition(PartitionTrail trail)
    {
        public PartitionTrail Trail { get; set; } = trail;

        public long AsOfMs { get; set; }

        /// <summary>The broker had nothing at the store's position.</summary>
        public bool Doubted { get; set; }

        /// <summary>How often in a row the position lay beyond the topic's end.</summary>
        public int Beyond { get; set; }
    }
}
