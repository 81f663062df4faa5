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

        /// <summary>The folder for local state takes nothing more, or held damage: tried again.</summary>
        LocalStateAway,
        Running,

        /// <summary>A member of the group without a partition: there are more instances than partitions.</summary>
        Idle,
        Stopped,
    }

    /// <summary>Which engine it is, as <c>Processor:Engine</c> names it.</summary>
    public string Engine { get; init; } = ProcessorOptions.Native;

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

    /// <summary>Changelog records behind us and in all while restoring, by offsets.</summary>
    public (long Done, long Total) Restored { get; set; }

    /// <summary>The same as a part of one; 1 when nothing is being restored.</summary>
    public double RestoredPart => Now != Phase.Restoring || Restored.Total == 0 ? 1 : (double)Restored.Done / Restored.Total;

    /// <summary>Partitions of other instances whose state is copied here.</summary>
    public int Copies { get; private set; }

    /// <summary>Those of them that had everything when last looked at.</summary>
    public int WarmCopies { get; private set; }

    /// <summary>The same for people.</summary>
    public string WarmCopyNames { get; private set; } = "";

    /// <param name="copies">Partitions whose state is copied.</param>
    /// <param name="warm">Those that are up to date, in order.</param>
    public void Copied(int copies, IReadOnlyCollection<int> warm) => (Copies, WarmCopies, WarmCopyNames) = (copies, warm.Count, string.Join(",", warm));

    /// <summary>Why it waits, for people.</summary>
    public string Reason { get; set; } = "";

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
