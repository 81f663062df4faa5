namespace Tally.ProcessorService.Engine;

/// <summary>What the engine's thread tells the rest of the process.</summary>
public sealed class EngineStatus(TimeProvider clock)
{
    private long _lastBeat = clock.GetTimestamp();
    private long _phaseBegan = clock.GetTimestamp();

    public enum Phase
    {
        Starting,
        WaitingForTopics,
        WaitingForBroker,
        Joining,
        Restoring,
        Running,

        /// <summary>A member of the group without a partition: there are more instances than partitions.</summary>
        Idle,
        Stopped,
    }

    public Phase Now { get; private set; } = Phase.Starting;

    /// <summary>Time since the phase began.</summary>
    public TimeSpan InPhase => clock.GetElapsedTime(_phaseBegan);

    /// <summary>Partitions in hand, in order.</summary>
    public IReadOnlyList<int> Partitions
    {
        get;
        set
        {
            field = value;
            PartitionNames = string.Join(",", value);
        }
    } = [];

    /// <summary>The same for people.</summary>
    public string PartitionNames { get; private set; } = "";

    public TimeSpan SinceLastBeat => clock.GetElapsedTime(Interlocked.Read(ref _lastBeat));

    public void Enter(Phase phase)
    {
        if (Now == phase) return;
        _phaseBegan = clock.GetTimestamp();
        Now = phase;
    }

    /// <summary>Called at every turn of the loop.</summary>
    public void Beat() => Interlocked.Exchange(ref _lastBeat, clock.GetTimestamp());
}
