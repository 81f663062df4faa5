namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>A partition that is read, and how far.</summary>
/// <param name="number">Its number.</param>
/// <param name="position">First offset to be read.</param>
/// <param name="isChecked">
/// Whether its log is still the one that was read is looked at whenever its leader was away: a topic that was made anew, or a leader that lost the end of its log, may have other
/// records at the same offsets. Not for a log that is compacted, whose batches change.
/// </param>
internal sealed class FetchedPartition(int number, long position, bool isChecked)
{
    private const int PauseMs = 100;

    private BatchMark? _last;

    public int Number => number;

    /// <summary>Next offset that was not handed out, nor is in the answer in hand.</summary>
    public long Position { get; private set; } = position;

    /// <summary>Next offset to be asked for; in doubt the last record that was read is asked for once more.</summary>
    public long AskFrom => IsDoubted ? Position - 1 : Position;

    /// <summary>Number of the broker that leads it, or null while that is not known.</summary>
    public int? Leader { get; private set; }

    /// <summary>It has to be seen whether the last batch that was read is still there.</summary>
    public bool IsDoubted { get; private set; }

    /// <summary>End of the log as the last answer told it, open transactions included.</summary>
    public long? End { get; set; }

    /// <summary>Its end was told at this offset.</summary>
    public long ToldEnd { get; set; } = -1;

    /// <summary>Not to be asked for before, in ms of <see cref="Environment.TickCount64"/>.</summary>
    public long AskAtMs { get; private set; }

    /// <summary>Everything up to this batch is read.</summary>
    public void ReadUpTo(BatchMark last)
    {
        Position = last.LastOffset + 1;
        if (isChecked) _last = last;
    }

    /// <summary>It is led by this broker, or by none.</summary>
    public void Follow(int? leader)
    {
        if (leader == Leader) return;
        if (Leader is not null) Doubt();
        Leader = leader;
    }

    /// <summary>Its leader is another one, or none for the moment.</summary>
    public void ForgetLeader(long nowMs)
    {
        Follow(null);
        AskAtMs = nowMs + PauseMs;
    }

    /// <summary>Compares the batch that lies before <see cref="Position"/> now with the one that was read there, and trusts the log again.</summary>
    /// <returns>False where it is another one.</returns>
    public bool IsSame(BatchMark before)
    {
        IsDoubted = false;
        return before == _last;
    }

    /// <summary>The last batch is gone, by its age: nothing is left to compare with.</summary>
    public void TrustUnseen()
    {
        _last = null;
        IsDoubted = false;
    }

    private void Doubt() => IsDoubted = _last is not null;
}
