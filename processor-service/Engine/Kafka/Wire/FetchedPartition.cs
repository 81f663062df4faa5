namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>A partition that is read, and how far.</summary>
internal sealed class FetchedPartition(int number, long position)
{
    private const int PauseMs = 100;

    public int Number => number;

    /// <summary>Next offset to be asked for; all below is handed out, or in the answer in hand.</summary>
    public long Position { get; set; } = position;

    /// <summary>Number of the broker that leads it, or null while that is not known.</summary>
    public int? Leader { get; set; }

    /// <summary>End of the log as the last answer told it, open transactions included.</summary>
    public long? End { get; set; }

    /// <summary>Its end was told at this offset.</summary>
    public long ToldEnd { get; set; } = -1;

    /// <summary>Not to be asked for before, in ms of <see cref="Environment.TickCount64"/>.</summary>
    public long AskAtMs { get; private set; }

    /// <summary>Its leader is another one, or none for the moment.</summary>
    public void ForgetLeader(long nowMs) => (Leader, AskAtMs) = (null, nowMs + PauseMs);
}
