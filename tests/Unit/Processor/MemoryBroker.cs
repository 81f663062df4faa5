using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.Tests.Unit.Processor;

/// <summary>
/// A broker in memory for one owner at a time: logs with open, committed and aborted transactions, stable offsets, and a hook where
/// faults strike. Time passes only while somebody waits.
/// </summary>
public sealed class MemoryBroker(int partitions, ManualClock clock) : IBroker
{
    private readonly Dictionary<string, List<Entry>[]> _topics = [];
    private readonly Dictionary<int, long> _offsets = [];
    private Transactions? _owner;

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

    public List<Entry> Log(string topic, int partition)
    {
        if (!_topics.TryGetValue(topic, out var logs)) _topics.Add(topic, logs = [.. Enumerable.Range(0, partitions).Select(_ => new List<Entry>())]);
        return logs[partition];
    }

    public IEnumerable<Entry> Committed(string topic, int partition) => Log(topic, partition).Where(e => e.State == State.Committed);

    public void Append(string topic, int partition, byte[]? key, byte[]? value, Headers headers) =>
        Log(topic, partition).Add(new Entry(key, value, headers, clock.NowMs));

    public long? Offset(int partition) => _offsets.TryGetValue(partition, out var offset) ? offset : null;

    public void SetOffset(int partition, long? offset)
    {
        if (offset is { } value) _offsets[partition] = value;
        else _offsets.Remove(partition);
    }

    public int? CountPartitions(string topic) => partitions;

    public LogEnds QueryEnds(string topic, int partition) => new(0, Log(topic, partition).Count);

    public IInputLog OpenInput(string topic, IAssignmentListener listener) => new Input(this, topic, listener);

    public IRecordLog OpenReplay(string topic, IReadOnlyCollection<PartitionOffset> from) => new Reader(this, topic, from);

    public ITransactionLog OpenTransactions(CancellationToken cancellation)
    {
        Step("init");
        _owner?.End(State.Aborted);
        return _owner = new Transactions(this);
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
            clock.Advance(wait);
            broker.Idle();
            record = default;
            return false;
        }

        public void Dispose()
        {
        }

        protected void Assign(int partition, long offset) => _positions[partition] = offset;

        private ManualClock clock => broker.Clock;

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
        private bool _assigned;

        public override bool TryRead(TimeSpan wait, out LogRecord record)
        {
            if (!_assigned)
            {
                _assigned = true;
                var all = Enumerable.Range(0, Broker.Partitions).ToArray();
                var offsets = listener.Assigned(all);
                foreach (var p in all) Assign(p, offsets[p]);
            }
            return base.TryRead(wait, out record);
        }

        public IReadOnlyList<long?> Committed(IReadOnlyList<int> partitions) => [.. partitions.Select(Broker.Offset)];

        public long? LastKnownEnd(int partition) => null;

        public void Abandon(bool fenced)
        {
        }

        public void Close() => listener.Revoked([.. Enumerable.Range(0, Broker.Partitions)]);
    }

    private int Partitions => partitions;

    private sealed class Transactions(MemoryBroker broker) : ITransactionLog
    {
        private readonly List<Entry> _open = [];

        public void Begin()
        {
            Check("begin");
            Assert.That(_open, Is.Empty, "one transaction at a time");
        }

        public void Write(string topic, int partition, in OutputRecord record)
        {
            Check("write");
            var entry = new Entry(record.Key, record.Value, record.Headers, broker.Clock.NowMs) { State = State.Open };
            broker.Log(topic, partition).Add(entry);
            _open.Add(entry);
        }

        public void Commit(IInputLog input, IReadOnlyCollection<PartitionOffset> offsets, TimeSpan limit)
        {
            Check("before commit");
            foreach (var at in offsets) broker._offsets[at.Partition] = at.Offset;
            End(State.Committed);
            Check("after commit");
        }

        public void End(State state)
        {
            foreach (var entry in _open) entry.State = state;
            _open.Clear();
        }

        public void Dispose()
        {
        }

        private void Check(string step)
        {
            if (broker._owner != this) throw new MigratedException("fenced");
            broker.Step(step);
        }
    }
}
