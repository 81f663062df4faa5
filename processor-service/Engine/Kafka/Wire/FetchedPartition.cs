namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>A partition that is read, and how far.</summary>
/// <param name="number">Its number.</param>
/// <param name="position">First offset to be read.</param>
/// <param name="isChecked">
/// Whether its log is still the one that was read is looked at whenever its leader or the reader was away: a topic that was made anew, or a leader that lost the end of its log, may
/// have other records at the same offsets. Not for a log that is compacted, whose batches change.
/// </param>
internal sealed class FetchedPartition(int number, long position, bool isChecked)
{
    private const int PauseMs = 100;

    private BatchMark? _last;

    public int Number => number;

    /// <summary>Next offset that was not handed out, nor is in the answer in hand.</summary>
    public long Position { get; private set; } = position;

    /// <summary>Next offset to be asked for.</summary>
    public long AskFrom => Doubt == Doubt.LastBatch ? Position - 1 : Position;

    /// <summary>What has to be seen before anything more is handed out. It begins with the batch before the first that is read, to know it again.</summary>
    public Doubt Doubt { get; private set; } = isChecked && position > 0 ? Doubt.LastBatch : Doubt.None;

    /// <summary>Number of the broker that leads it, or null while that is not known.</summary>
    public int? Leader { get; private set; }

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
        if (Leader is not null) BeginDoubt();
        Leader = leader;
    }

    /// <summary>Its leader is another one, or none for the moment.</summary>
    public void ForgetLeader(long nowMs)
    {
        Follow(null);
        AskAtMs = nowMs + PauseMs;
    }

    /// <summary>It may be another log now.</summary>
    public void BeginDoubt() => Doubt = isChecked && Position > 0 ? Doubt.LastBatch : Doubt.None;

    /// <summary>What lies before <see cref="Position"/> is there no more: whether by its age alone, the log's beginning tells.</summary>
    public void LastIsGone() => Doubt = Doubt.LogStart;

    /// <summary>Looks at what came where something was in doubt.</summary>
    /// <returns>Whether it is of the log that was read, or null while that cannot be told.</returns>
    public bool? IsSame(in FetchAnswerReader.Head head) => Doubt switch
    {
        Doubt.None => true,
        // A leader that does not know yet how much of its log holds shows it in a moment.
        Doubt.LastBatch when head is { Unreadable: null } && head.End == head.At => null,
        Doubt.LastBatch => IsSame(head.First),
        _ => IsSame(head.LogStart),
    };

    /// <summary>Looks at the batch that lies before <see cref="Position"/> now.</summary>
    /// <returns>False where another one was read there.</returns>
    public bool IsSame(BatchMark before)
    {
        Doubt = Doubt.None;
        if (_last is { } read) return before == read;
        // One that goes on beyond the position is read anew, and known from then on.
        if (before.LastOffset == Position - 1) _last = before;
        return true;
    }

    /// <summary>Looks at the log's first offset.</summary>
    /// <returns>False where the last batch was not removed by its age.</returns>
    public bool IsSame(long logStart)
    {
        Doubt = Doubt.None;
        _last = null;
        return logStart >= Position;
    }
}
