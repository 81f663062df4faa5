namespace Tally.ProcessorService.Engine;

/// <summary>
/// When to commit: soon while the topic is followed closely, seldom under backlog. Whether there is a backlog shows in the reader: as
/// long as it never runs dry, more is waiting.
/// </summary>
public sealed class CommitPacing(ProcessorOptions options)
{
    /// <param name="sinceFirst">Time since the first event that no commit holds yet.</param>
    /// <param name="records">Events that no commit holds yet.</param>
    /// <param name="drained">Nothing more was waiting at the last look.</param>
    public bool IsDue(TimeSpan sinceFirst, int records, bool drained)
    {
        if (records == 0) return false;
        if (records >= options.BacklogCommitRecords || sinceFirst >= options.BacklogCommitInterval) return true;
        return drained && sinceFirst >= options.CommitInterval;
    }

    /// <summary>How long the reader may wait for the next event.</summary>
    /// <param name="sinceFirst">Time since the first event that no commit holds yet.</param>
    /// <param name="records">Events that no commit holds yet.</param>
    /// <param name="behind">Nothing was waiting in the middle of a backlog: the commit waits for more, and so may the reader.</param>
    /// <param name="untilHeartbeat">Time until an idle partition speaks.</param>
    public TimeSpan Wait(TimeSpan sinceFirst, int records, bool behind, TimeSpan untilHeartbeat)
    {
        var wait = records == 0 ? untilHeartbeat : (behind ? options.BacklogCommitInterval : options.CommitInterval) - sinceFirst;
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait < Longest ? wait : Longest;
    }

    // So that the loop shows life and sees the request to stop.
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(100);
}
