using System.Diagnostics;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Observability;

namespace Tally.ProcessorService.Engine;

/// <summary>
/// One life of consumer, transactional producer and tasks. It ends with the first fault; what it held is thrown away, and the next
/// session restores it. All of it runs on one thread.
/// </summary>
public sealed partial class Session : IAssignmentListener
{
    /// <summary>Records read between two looks at the clock.</summary>
    private const int RecordsBetweenLooks = 128;

    /// <summary>Dead letters are copies held until the commit; beyond this many bytes it comes early.</summary>
    private const long DeadLetterBytesMax = 8 << 20;

    // A commit takes milliseconds; a broker that takes this long is away, and SIGTERM must not wait longer for it.
    private static readonly TimeSpan CommitLimit = TimeSpan.FromSeconds(4);

    private readonly IBroker _broker;
    private readonly IJob _job;
    private readonly ProcessorOptions _options;
    private readonly EngineStatus _status;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly CommitPacing _pacing;
    private readonly TaskStart _start;
    private readonly Commit _commit;
    private readonly Snapshots _snapshots;
    private readonly Standby? _standby;
    private readonly TaskTable _tasks;
    private readonly Dictionary<int, PartitionTask> _parked = [];
    private readonly BatchTrace _trace;
    private Activity? _activity;
    private CancellationToken _stopping;
    private IInputLog _input = null!;
    private long _firstUnwritten;
    private int _unwritten;
    private long _deadLetterBytes;
    private long _drainedAtMs;
    private bool _behind;
    private bool _drained;
    private bool _standbyWaits;

    public Session(IBroker broker, IJob job, ProcessorOptions options, int partitionCount, EngineStatus status, TimeProvider clock, ILogger logger)
    {
        _broker = broker;
        _job = job;
        _options = options;
        _status = status;
        _clock = clock;
        _logger = logger;
        _pacing = new CommitPacing(options);
        _tasks = new TaskTable(partitionCount);
        _start = new TaskStart(broker, job, options, partitionCount, status, clock, logger);
        _trace = new BatchTrace(EngineMetrics.Activities, job.Topics.Input, options.Group, clock);
        _commit = new Commit(job.Name, clock);
        _snapshots = new Snapshots(broker, job.Topics.Changelog, clock, logger);
        _standby = options.Standby && !job.IsMerging ? new Standby(broker, job, _start, partitionCount, status, clock, logger) : null;
    }

    /// <summary>Transactions committed so far.</summary>
    public long Commits => _commit.Count;

    /// <summary>Runs until <paramref name="stopping"/> is cancelled; then commits what is in hand and leaves.</summary>
    /// <exception cref="SessionEndException">The session is over before its time.</exception>
    /// <exception cref="Shared.Hosting.ConfigurationException">Only a person can mend it.</exception>
    public void Run(CancellationToken stopping)
    {
        _stopping = stopping;
        using var transactions = _broker.OpenTransactions(stopping);
        _commit.Transactions = transactions;
        _status.Enter(EngineStatus.Phase.Joining);
        using var input = _broker.OpenInput(_job.Topics.Input, this);
        _input = input;
        try
        {
            while (!stopping.IsCancellationRequested) Turn();
            CommitInHand(wait: true, andSnapshots: true);
            input.Close();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Told to end while it restored: the others need not wait for it either.
            input.Close();
            throw;
        }
        catch (SessionEndException e)
        {
            input.Abandon(fenced: e is MigratedException);
            throw;
        }
        finally
        {
            var tasks = _tasks.All.Concat(_parked.Values).ToArray();
            Drop(_status.Partitions);
            foreach (var task in tasks) task.Dispose();
            _standby?.Dispose();
        }
    }

    public IReadOnlyList<long> Assigned(IReadOnlyList<int> partitions)
    {
        if (partitions.Count > 0)
        {
            _status.Enter(EngineStatus.Phase.Restoring);
            foreach (var task in _start.Start(_input, partitions, _parked, _standby, _stopping)) _tasks.Add(task);
        }
        else
        {
            foreach (var task in _parked.Values) task.Dispose();
        }
        _parked.Clear();
        _standby?.Follow(partitions);
        Owns();
        return [.. partitions.Select(p => _tasks[p]!.NextOffset)];
    }

    public void Revoked(IReadOnlyList<int> partitions)
    {
        CommitInHand(wait: true);
        // Every rebalance takes all partitions and gives most of them back: what is committed may stay until it is known who has them.
        foreach (var partition in partitions)
            if (_tasks[partition] is { } task) _parked[partition] = task;
        Drop(partitions);
        _status.Enter(EngineStatus.Phase.Joining);
    }

    public void Lost(IReadOnlyList<int> partitions)
    {
        throw new MigratedException($"The group gave partitions {string.Join(", ", partitions)} to somebody else.");
    }

    private void Turn()
    {
        _status.Beat();
        if (_commit.IsOver) EndCommit();
        var wait = _standbyWaits ? TimeSpan.Zero : _pacing.Wait(SinceFirst(), _unwritten, _behind, UntilHeartbeat());
        for (var i = 0; i < RecordsBetweenLooks; i++)
        {
            if (!_input.TryRead(wait, out var record))
            {
                _drained = true;
                _drainedAtMs = _clock.GetUtcNow().ToUnixTimeMilliseconds();
                break;
            }
            wait = TimeSpan.Zero;
            Take(record);
        }
        _behind = _drained && IsBehind();
        if (_pacing.IsDue(SinceFirst(), _unwritten, _drained && !_behind)
            || _deadLetterBytes > DeadLetterBytesMax
            || (_drained && UntilHeartbeat() <= TimeSpan.Zero))
            CommitInHand();
        if (_standby is not null) _standbyWaits = _standby.Turn(idle: _drained);
    }

    private void Take(in Broker.LogRecord record)
    {
        if (_tasks[record.Partition] is not { } task) return;
        if (record.IsEnd)
        {
            task.ReachedEnd();
            return;
        }
        if (record.Offset < task.NextOffset) return;
        _drained = false;
        if (_unwritten++ == 0) _firstUnwritten = _clock.GetTimestamp();
        _trace.Take(record.Headers);
        if (task.Process(record).Kind == OutcomeKind.DeadLettered) _deadLetterBytes += record.Key.Length + record.Value.Length;
    }

    /// <summary>Begins to commit what is in hand, once the commit before has ended; counting goes on meanwhile.</summary>
    /// <param name="wait">Ends it too: nothing is in hand then.</param>
    /// <param name="andSnapshots">The last commit: a snapshot of each task that changed, so that the next start is short.</param>
    private void CommitInHand(bool wait = false, bool andSnapshots = false)
    {
        EndCommit();
        var due = _tasks.All.Where(task => IsDue(task) || (andSnapshots && task.NextOffset != task.SnapshotOffset && task.Task.Local is not null)).ToArray();
        if (due.Length == 0) return;
        // State that is shared must not be written in parts.
        if (_job.IsMerging) due = _tasks.All;
        var snapshots = _snapshots.Prepare(due, andSnapshots);
        _activity = _trace.HasLinks ? _trace.Start(_unwritten) : null;
        _trace.Clear();
        var readUpToMs = _drainedAtMs - (long)_options.FetchWait.TotalMilliseconds;
        _commit.Begin(_input, due, readUpToMs, TraceContextHeaders.Of(_activity), CommitLimit);
        Committing(_logger, _unwritten, due.Length);
        _unwritten = 0;
        _deadLetterBytes = 0;
        // A snapshot must hold nothing that is not committed.
        if (wait || snapshots.Count > 0) EndCommit();
        _snapshots.Take(snapshots);
    }

    private void EndCommit()
    {
        try
        {
            if (_commit.End(_input) is { } took) Committed(_logger, took.TotalMilliseconds);
        }
        finally
        {
            _activity?.Dispose();
            _activity = null;
        }
    }

    private bool IsDue(PartitionTask task) => task.Unwritten > 0 || (task.AtEnd && UntilHeartbeat(task) <= TimeSpan.Zero);

    /// <summary>Much more is known to be there: the reader ran dry in the middle of a backlog, between two fetches.</summary>
    private bool IsBehind()
    {
        if (SinceFirst() < _options.CommitInterval) return false;
        var behind = 0L;
        foreach (var task in _tasks.All)
            // What lies behind the end of what can be read belongs to transactions that are open or were aborted.
            if (!task.AtEnd && _input.LastKnownEnd(task.Partition) is { } end) behind += Math.Max(0, end - task.NextOffset);
        return behind > _options.PrefetchRecords;
    }

    private TimeSpan SinceFirst() => _unwritten == 0 ? TimeSpan.Zero : _clock.GetElapsedTime(_firstUnwritten);

    /// <summary>Time until the first idle partition must say that it is up to date.</summary>
    private TimeSpan UntilHeartbeat()
    {
        var least = _options.HeartbeatInterval;
        foreach (var task in _tasks.All)
            if (task.AtEnd && UntilHeartbeat(task) is var until && until < least) least = until;
        return least;
    }

    private TimeSpan UntilHeartbeat(PartitionTask task) =>
        task.WrittenAt == 0 ? TimeSpan.Zero : _options.HeartbeatInterval - _clock.GetElapsedTime(task.WrittenAt);

    private void Owns()
    {
        _status.Partitions = [.. _tasks.All.Select(task => task.Partition)];
        _status.Enter(_tasks.All.Length > 0 ? EngineStatus.Phase.Running : EngineStatus.Phase.Idle);
        Assignment(_logger, _status.PartitionNames);
    }

    private void Drop(IReadOnlyList<int> partitions)
    {
        foreach (var partition in partitions)
        {
            _tasks.Remove(partition);
            EngineMetrics.ForgetLag(_job.Name, partition);
        }
        _status.Partitions = [.. _tasks.All.Select(task => task.Partition)];
    }

    [LoggerMessage(EventId = 3002, Level = LogLevel.Debug, Message = "Committing {Events} events of {Partitions} partitions")]
    private static partial void Committing(ILogger logger, int events, int partitions);

    [LoggerMessage(EventId = 3003, Level = LogLevel.Debug, Message = "Committed in {Milliseconds} ms")]
    private static partial void Committed(ILogger logger, double milliseconds);

    [LoggerMessage(EventId = 3001, Level = LogLevel.Information, Message = "Counting partitions [{Partitions}]")]
    private static partial void Assignment(ILogger logger, string partitions);
}
