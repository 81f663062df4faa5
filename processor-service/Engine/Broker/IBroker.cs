namespace Tally.ProcessorService.Engine.Broker;

/// <summary>
/// The engine's whole view of Kafka, narrow enough for a simulation to stand in for it. Every call may throw
/// <see cref="BrokerAwayException"/> when nothing answers in time.
/// </summary>
public interface IBroker : IDisposable
{
    /// <returns>Number of partitions, or null where the topic does not exist.</returns>
    int? CountPartitions(string topic);

    /// <summary>Log start and end as of now, open transactions included.</summary>
    LogEnds QueryEnds(string topic, int partition);

    /// <summary>Joins the group. The listener is called inside <see cref="IRecordLog.TryRead"/>, on the same thread.</summary>
    IInputLog OpenInput(string topic, IAssignmentListener listener);

    /// <summary>Reads committed records from the given offsets on, outside of any group.</summary>
    IRecordLog OpenReplay(string topic, IReadOnlyCollection<PartitionOffset> from);

    /// <summary>
    /// Initialises the transactional id of this process slot, which fences a former owner and ends what it left open.
    /// </summary>
    ITransactionLog OpenTransactions(CancellationToken cancellation);
}

/// <param name="Low">Offset of the oldest record still there.</param>
/// <param name="High">Offset that the next record will get.</param>
public readonly record struct LogEnds(long Low, long High);

public readonly record struct PartitionOffset(int Partition, long Offset);

/// <summary>A source of records, read by one thread.</summary>
public interface IRecordLog : IDisposable
{
    /// <returns>False when nothing came within <paramref name="wait"/>.</returns>
    bool TryRead(TimeSpan wait, out LogRecord record);
}

/// <summary>The input topic as a member of the group sees it.</summary>
public interface IInputLog : IRecordLog
{
    /// <summary>Committed next offsets, stable ones only (KIP-447); null where the group has none.</summary>
    IReadOnlyList<long?> Committed(IReadOnlyList<int> partitions);

    /// <summary>End of the partition as the last fetch told it, or null before the first.</summary>
    long? LastKnownEnd(int partition);

    /// <summary>Leaves in order: partitions are revoked through the listener.</summary>
    void Close();

    /// <summary>Leaves after a fault: no listener is called any more.</summary>
    /// <param name="fenced">Somebody took our transactional id or our partitions: it is waited for a moment whether it has our name.</param>
    /// <exception cref="Shared.Hosting.ConfigurationException">Another process has this one's name and took its place.</exception>
    void Abandon(bool fenced);
}

/// <summary>What the group gives and takes.</summary>
public interface IAssignmentListener
{
    /// <returns>Where to start reading, one offset a partition in the same order.</returns>
    IReadOnlyList<long> Assigned(IReadOnlyList<int> partitions);

    /// <summary>Still ours until this returns: commit what is in hand.</summary>
    void Revoked(IReadOnlyList<int> partitions);

    /// <summary>Somebody else owns them already: drop their state.</summary>
    void Lost(IReadOnlyList<int> partitions);
}

/// <summary>Writes that appear together with the input offsets, or not at all.</summary>
public interface ITransactionLog : IDisposable
{
    void Begin();

    /// <summary>Adds a record to the open transaction.</summary>
    void Write(string topic, int partition, in OutputRecord record);

    /// <summary>
    /// Begins to send the offsets, under the membership that <paramref name="input"/> has in its group now, and to commit, within
    /// <paramref name="limit"/>. Until that has ended nothing else may be asked of this.
    /// </summary>
    ICommitUnderWay BeginCommit(IInputLog input, IReadOnlyCollection<PartitionOffset> offsets, TimeSpan limit);

    /// <summary>Commits records alone: nothing of the input was read for them.</summary>
    /// <exception cref="SessionEndException">As of <see cref="ICommitUnderWay.End"/>.</exception>
    void Commit(TimeSpan limit);
}

/// <summary>A commit whose outcome comes later.</summary>
public interface ICommitUnderWay
{
    /// <summary>The outcome is there: <see cref="End"/> does not wait.</summary>
    bool IsOver { get; }

    /// <summary>Waits for the outcome.</summary>
    /// <returns>When it was there, in ticks of the engine's clock.</returns>
    /// <exception cref="MigratedException">Somebody else owns the partitions or the transactional id.</exception>
    /// <exception cref="CorruptedException">Anything else, a time-out included: the outcome is unknown.</exception>
    long End();
}
