using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.Tests.Unit.Processor;

/// <summary>
/// A broker in memory: logs with open, committed and aborted transactions that time out, one group whose members take turns on one
/// thread, and hooks where faults strike. Time passes only while somebody waits.
/// </summary>
public sealed partial class MemoryBroker(int partitions, ManualClock clock) : IBroker
{
    private readonly Dictionary<string, List<Entry>[]> _topics = [];
    private readonly Dictionary<(string Topic, int Partition), long> _lows = [];
    private readonly Dictionary<int, long> _offsets = [];
    private readonly Dictionary<int, string> _members = [];
    private readonly Dictionary<string, Transactions> _owners = [];

    public enum State { Open, Committed, Aborted }

    public sealed class Entry(byte[]? key, byte[]? value, Headers headers, long timestampMs)
    {
        public byte[]? Key => key;
        public byte[]? Value => value;
        public Headers Headers => headers;
        public long TimestampMs => timestampMs;
        public State State { get; set; } = State.Committed;
    }

    /// <summary>Called before each step by its name; what it throws is the fault.</summary>
    public Action<string> Step { get; set; } = _ => { };

    /// <summary>Called whenever a reader finds nothing.</summary>
    public Action Idle { get; set; } = () => { };

    /// <summary>Which process calls: each has a transactional id of its own.</summary>
    public string Process { get; set; } = "a";

    /// <summary>What the group gives a member that joins.</summary>
    public IReadOnlyList<int> Gives { get; set; } = [.. Enumerable.Range(0, partitions)];

    /// <summary>Asked at each read of the input: null, or what the member has from now on. What others do in between is done in it.</summary>
    public Func<Action, IReadOnlyList<int>?> Rebalances { get; set; } = _ => null;

    /// <summary>
    /// Asked when a commit begins, and whenever it is asked after: whether the broker makes it happen now. It comes at the latest when it is waited for.
    /// </summary>
    public Func<bool> CommitsNow { get; set; } = () => true;

    /// <summary>Asked each time somebody looks whether a commit is over that was made to happen.</summary>
    public Func<bool> TellsNow { get; set; } = () => true;

    /// <summary>Asked at each read of the input: how many records come again, or less than 0 for an answer that is late.</summary>
    public Func<int> Answers { get; set; } = () => 0;

    public List<Entry> Log(string topic, int partition)
    {
        if (!_topics.TryGetValue(topic, out var logs)) _topics.Add(topic, logs = [.. Enumerable.Range(0, partitions).Select(_ => new List<Entry>())]);
        return logs[partition];
    }

    public IEnumerable<Entry> Committed(string topic, int partition) => Log(topic, partition).Where(e => e.State == State.Committed);

    /// <summary>Whether a process has written to a partition in a transaction that is still open.</summary>
    public bool HasOpen(string process, string topic, int partition) =>
        _owners.TryGetValue(process, out var transactions) && transactions.Opened.Any(Log(topic, partition).Contains);

    public void Append(string topic, int partition, byte[]? key, byte[]? value, Headers headers) =>
        Log(topic, partition).Add(new Entry(key, value, headers, clock.NowMs));

    public long? Offset(int partition) => _offsets.TryGetValue(partition, out var offset) ? offset : null;

    public void SetOffset(int partition, long? offset)
    {
        if (offset is { } value) _offsets[partition] = value;
        else _offsets.Remove(partition);
    }

    public int? CountPartitions(string topic) => partitions;

    public LogEnds QueryEnds(string topic, int partition) => new(_lows.GetValueOrDefault((topic, partition)), Log(topic, partition).Count);

    /// <summary>Retention: the oldest records go, the offsets of the others stay.</summary>
    public void RemoveBelow(string topic, int partition, long offset) => _lows[(topic, partition)] = offset;

    public IInputLog OpenInput(string topic, IAssignmentListener listener) => new Input(this, topic, listener);

    public IRecordLog OpenReplay(string topic, IReadOnlyCollection<PartitionOffset> from)
    {
        Replays.AddRange(from.Select(at => (topic, at)));
        return new Reader(this, topic, from);
    }

    /// <summary>Where reading outside of the group began, each time.</summary>
    public List<(string Topic, PartitionOffset From)> Replays { get; } = [];

    public ITransactionLog OpenTransactions(CancellationToken cancellation)
    {
        Step("init");
        if (_owners.TryGetValue(Process, out var former)) former.End(State.Aborted);
        return _owners[Process] = new Transactions(this, Process);
    }

    /// <summary>Time passes: what was open for too long is aborted, and its producer fenced.</summary>
    public void Wait(TimeSpan time)
    {
        clock.Advance(time);
        foreach (var transactions in _owners.Values) transactions.EndIfTooOld();
    }

    public void Dispose()
    {
    }

    private class Reader(MemoryBroker broker, string topic, IReadOnlyCollection<PartitionOffset> from) : IRecordLog
    {
        private readonly SortedDictionary<int, long> _positions = new(from.ToDictionary(at => at.Partition, at => at.Offset));
        private readonly Dictionary<int, long> _toldEnd = [];

        protected MemoryBroker Broker => broker;

        public virtual bool TryRead(TimeSpan wait, out LogRecord record)
        {
            broker.Step("read");
            foreach (var partition in _positions.Keys.ToArray())
            {
                var log = broker.Log(topic, partition);
                var position = _positions[partition];
                while (position < log.Count && log[(int)position].State == State.Aborted) position++;
                _positions[partition] = position;
                if (position < log.Count && log[(int)position].State == State.Committed)
                {
                    record = Record(partition, position, log[(int)position]);
                    _positions[partition]++;
                    return true;
                }
                if (_toldEnd.GetValueOrDefault(partition, -1) == position) continue;
                _toldEnd[partition] = position;
                record = new LogRecord { Partition = partition, Offset = position, IsEnd = true };
                return true;
            }
            broker.Wait(wait);
            broker.Idle();
            record = default;
            return false;
        }

        public void Dispose()
        {
        }

        protected void Assign(IReadOnlyList<int> partitions, IReadOnlyList<long> offsets)
        {
            _positions.Clear();
            _toldEnd.Clear();
            for (var i = 0; i < partitions.Count; i++) _positions[partitions[i]] = offsets[i];
        }

        protected void Repeat(int records)
        {
            foreach (var partition in _positions.Keys.ToArray()) _positions[partition] = Math.Max(0, _positions[partition] - records);
        }

        private static LogRecord Record(int partition, long offset, Entry entry) => new()
        {
            Partition = partition,
            Offset = offset,
            TimestampMs = entry.TimestampMs,
            Headers = entry.Headers,
            HasKey = entry.Key is not null,
            Key = entry.Key,
            HasValue = entry.Value is not null,
            Value = entry.Value,
        };
    }

    private ManualClock Clock => clock;

    private sealed class Input(MemoryBroker broker, string topic, IAssignmentListener listener) : Reader(broker, topic, []), IInputLog
    {
        private readonly string _process = broker.Process;
        private IReadOnlyList<int>? _has;

        public override bool TryRead(TimeSpan wait, out LogRecord record)
        {
            if (_has is null) Take(Broker.Gives);
            else if (Broker.Rebalances(Give) is { } now) Take(now);
            var answer = Broker.Answers();
            if (answer < 0)
            {
                Broker.Wait(wait);
                record = default;
                return false;
            }
            if (answer > 0) Repeat(answer);
            return base.TryRead(wait, out record);
        }

        public IReadOnlyList<long?> Committed(IReadOnlyList<int> partitions) => [.. partitions.Select(Broker.Offset)];

        public long? LastKnownEnd(int partition) => null;

        public void Abandon(bool fenced) => Leave();

        public void Close()
        {
            Give();
            Leave();
        }

        private void Give()
        {
            if (_has is { } has) listener.Revoked(has);
            Leave();
        }

        private void Leave()
        {
            foreach (var partition in _has ?? [])
                if (Broker._members.GetValueOrDefault(partition) == _process) Broker._members.Remove(partition);
            _has = [];
        }

        private void Take(IReadOnlyList<int> partitions)
        {
            foreach (var partition in partitions) Broker._members[partition] = _process;
            _has = partitions;
            Assign(partitions, listener.Assigned(partitions));
        }
    }
}
