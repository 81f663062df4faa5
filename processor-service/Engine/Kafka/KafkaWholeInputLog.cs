using Confluent.Kafka;
using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine.Kafka;

/// <summary>
/// All partitions of the input for one member of the group: the one to which the group gives the single partition of another topic. No
/// assignor splits that, so a merging job has one owner whatever the number of instances, and the group fences an owner that was
/// replaced. The others wait.
/// </summary>
public sealed class KafkaWholeInputLog : IInputLog, IAssignmentListener, IKafkaMembership
{
    /// <summary>The group's consumer is asked this often; it has no records of its own to give.</summary>
    private static readonly TimeSpan GroupEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>Records between two looks at the clock.</summary>
    private const int RecordsBetweenLooks = 128;

    private readonly KafkaInputLog _owner;
    private readonly Func<IReadOnlyCollection<PartitionOffset>, KafkaReplayLog> _open;
    private readonly IReadOnlyList<int> _partitions;
    private readonly IAssignmentListener _listener;
    private readonly TimeProvider _clock;
    private KafkaReplayLog? _input;
    private long _askedGroup;
    private int _sinceLook;

    /// <param name="owner">Makes the group's consumer of the topic with one partition.</param>
    /// <param name="topic">The input.</param>
    /// <param name="partitionCount">Its partitions.</param>
    /// <param name="listener">Is given all of them, or none.</param>
    /// <param name="open">Opens the input at offsets, outside of the group.</param>
    /// <param name="clock">Paces the questions to the group.</param>
    public KafkaWholeInputLog(
        Func<IAssignmentListener, KafkaInputLog> owner, string topic, int partitionCount, IAssignmentListener listener,
        Func<IReadOnlyCollection<PartitionOffset>, KafkaReplayLog> open, TimeProvider clock)
    {
        (Topic, _partitions, _listener, _open, _clock) = (topic, [.. Enumerable.Range(0, partitionCount)], listener, open, clock);
        _owner = owner(this);
    }

    public string Topic { get; }

    public IConsumerGroupMetadata Membership => _owner.Membership;

    public bool TryRead(TimeSpan wait, out LogRecord record)
    {
        record = default;
        if (_input is null)
        {
            _owner.TryRead(wait, out _);
            return false;
        }
        if (wait > TimeSpan.Zero || ++_sinceLook >= RecordsBetweenLooks) AskGroup();
        return _input is not null && _input.TryRead(wait < GroupEvery ? wait : GroupEvery, out record);
    }

    public IReadOnlyList<long?> Committed(IReadOnlyList<int> partitions) => _owner.Committed(Topic, partitions);

    public long? LastKnownEnd(int partition) => _input?.LastKnownEnd(partition);

    public void Close()
    {
        _owner.Close();
        CloseInput();
    }

    public void Abandon(bool fenced)
    {
        CloseInput();
        _owner.Abandon(fenced);
    }

    public void Dispose()
    {
        CloseInput();
        _owner.Dispose();
    }

    IReadOnlyList<long> IAssignmentListener.Assigned(IReadOnlyList<int> partitions)
    {
        if (partitions.Count == 0)
        {
            _listener.Assigned([]);
            return [];
        }
        var offsets = _listener.Assigned(_partitions);
        _input = _open([.. _partitions.Select((partition, i) => new PartitionOffset(partition, offsets[i]))]);
        return [KafkaInputLog.ReadNothing];
    }

    void IAssignmentListener.Revoked(IReadOnlyList<int> partitions)
    {
        if (_input is null) return;
        _listener.Revoked(_partitions);
        CloseInput();
    }

    void IAssignmentListener.Lost(IReadOnlyList<int> partitions) => _listener.Lost(_partitions);

    private void AskGroup()
    {
        _sinceLook = 0;
        if (_clock.GetElapsedTime(_askedGroup) < GroupEvery) return;
        _askedGroup = _clock.GetTimestamp();
        _owner.TryRead(TimeSpan.Zero, out _);
    }

    private void CloseInput()
    {
        _input?.Dispose();
        _input = null;
    }
}
