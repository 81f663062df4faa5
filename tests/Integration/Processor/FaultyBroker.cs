using Tally.ProcessorService.Engine.Broker;

namespace Tally.Tests.Integration.Processor;

/// <summary>
/// A broker whose transactions fail where the test says: the producer is left as it is, its transaction open, like that of a killed process.
/// </summary>
public sealed class FaultyBroker(IBroker inner, Action<string> step) : IBroker
{
    public int? CountPartitions(string topic) => inner.CountPartitions(topic);

    public LogEnds QueryEnds(string topic, int partition) => inner.QueryEnds(topic, partition);

    public IInputLog OpenInput(string topic, IAssignmentListener listener) => inner.OpenInput(topic, listener);

    public IRecordLog OpenReplay(string topic, IReadOnlyCollection<PartitionOffset> from) => inner.OpenReplay(topic, from);

    public ITransactionLog OpenTransactions(CancellationToken cancellation) => new Transactions(inner.OpenTransactions(cancellation), step);

    public void Dispose() => inner.Dispose();

    private sealed class Transactions(ITransactionLog inner, Action<string> step) : ITransactionLog
    {
        public void Begin()
        {
            step("begin");
            inner.Begin();
        }

        public void Write(string topic, int partition, in OutputRecord record)
        {
            inner.Write(topic, partition, record);
            step("written");
        }

        public ICommitUnderWay BeginCommit(IInputLog input, IReadOnlyCollection<PartitionOffset> offsets, TimeSpan limit)
        {
            step("before commit");
            return new Commit(inner.BeginCommit(input, offsets, limit), step);
        }

        public void Commit(TimeSpan limit) => inner.Commit(limit);

        public void Dispose() => inner.Dispose();
    }

    private sealed class Commit(ICommitUnderWay inner, Action<string> step) : ICommitUnderWay
    {
        public bool IsOver => inner.IsOver;

        public long End()
        {
            var at = inner.End();
            step("after commit");
            return at;
        }
    }
}
