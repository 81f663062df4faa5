using Tally.ProcessorService.Engine.Broker;

namespace Tally.Tests.Unit.Processor;

public sealed partial class MemoryBroker
{
    /// <summary>One transactional id: what it wrote, and a commit that may happen, or be told of, later than it was asked for.</summary>
    private sealed class Transactions(MemoryBroker broker, string process) : ITransactionLog
    {
        private static readonly TimeSpan TimeOut = TimeSpan.FromSeconds(10);

        private readonly List<Entry> _open = [];
        private CommitUnderWay? _commit;
        private long _begun;
        private bool _fenced;

        public IReadOnlyList<Entry> Opened => _open;

        public void Begin()
        {
            Check("begin");
            Assert.That(_open, Is.Empty, "one transaction at a time");
            Assert.That(_commit, Is.Null, "nothing is begun before the commit under way has ended");
            _begun = broker.Clock.GetTimestamp();
        }

        public void Write(string topic, int partition, in OutputRecord record)
        {
            Check("write");
            Assert.That(_commit, Is.Null, "nothing is written while a commit is under way");
            var entry = new Entry(record.Key, record.Value, record.Headers, broker.Clock.NowMs) { State = State.Open };
            broker.Log(topic, partition).Add(entry);
            _open.Add(entry);
        }

        public ICommitUnderWay BeginCommit(IInputLog input, IReadOnlyCollection<PartitionOffset> offsets, TimeSpan limit)
        {
            _commit = new CommitUnderWay(this, offsets);
            if (broker.CommitsNow()) _commit.Happen();
            return _commit;
        }

        private void Commit(IReadOnlyCollection<PartitionOffset> offsets)
        {
            Check("before commit");
            if (offsets.Any(at => broker._members.GetValueOrDefault(at.Partition) != process))
            {
                End(State.Aborted);
                throw new MigratedException("the group gave the partitions to somebody else");
            }
            foreach (var at in offsets) broker._offsets[at.Partition] = at.Offset;
            End(State.Committed);
            Check("after commit");
        }

        public void Commit(TimeSpan limit)
        {
            Check("before commit");
            End(State.Committed);
            Check("after commit");
        }

        public void End(State state)
        {
            foreach (var entry in _open) entry.State = state;
            _open.Clear();
        }

        public void EndIfTooOld()
        {
            if (_open.Count == 0 || broker.Clock.GetElapsedTime(_begun) < TimeOut) return;
            End(State.Aborted);
            _fenced = true;
        }

        public void Dispose()
        {
            // Whoever began it listens no more, but the broker may have it already.
            if (broker.CommitsNow()) _commit?.Happen();
        }

        private sealed class CommitUnderWay(Transactions transactions, IReadOnlyCollection<PartitionOffset> offsets) : ICommitUnderWay
        {
            private bool _happened;
            private SessionEndException? _fault;

            public bool IsOver
            {
                get
                {
                    if (!_happened && transactions.Broker.CommitsNow()) Happen();
                    return _happened && transactions.Broker.TellsNow();
                }
            }

            public long End()
            {
                Happen();
                transactions._commit = null;
                return _fault is null ? transactions.Broker.Clock.GetTimestamp() : throw _fault;
            }

            public void Happen()
            {
                if (_happened) return;
                _happened = true;
                try
                {
                    transactions.Commit(offsets);
                }
                catch (SessionEndException e)
                {
                    _fault = e;
                }
            }
        }

        private MemoryBroker Broker => broker;

        private void Check(string step)
        {
            CheckOwner();
            broker.Step(step);
            // Somebody may have come while we were held up.
            CheckOwner();
        }

        private void CheckOwner()
        {
            if (_fenced) throw new CorruptedException("the transaction timed out");
            if (broker._owners[process] != this) throw new MigratedException("fenced");
        }
    }
}
