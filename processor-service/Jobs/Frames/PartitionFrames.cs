using Tally.ProcessorService.Engine;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>The way of a frame of one partition: scanner, event clock, windows.</summary>
public sealed class PartitionFrames(int partition, FrameRules rules, FrameScanner scanner, UserHasher hasher, FrameWindows windows, PartitionTimes times)
{
    private static readonly Outcome TooLate = Outcome.DeadLetter(
        DeadLetterReasons.TooLate, "The frame's window was over for longer than Frames:CorrectionHorizon: its users are no longer known.");

    private static readonly Outcome Wild = Outcome.DeadLetter(
        DeadLetterReasons.WildTimestamp, "The frame's ts is further ahead of the others than Frames:WildLimit, and no others came near it.");

    public EventClock Clock { get; } = new(rules);

    /// <summary>Frames below this offset are in the windows that a rebuild kept …</summary>
    public long KeptBelow { get; set; }

    /// <summary>… but for these, which were held aside.</summary>
    public IReadOnlySet<long> KeptHeld { get; set; } = new HashSet<long>();

    /// <summary>What became of frames that were held aside; to be taken out by the caller.</summary>
    public List<(HeldFrame Frame, Outcome Outcome)> Settled { get; } = [];

    /// <param name="value">The frame.</param>
    /// <param name="offset">Where it stands.</param>
    /// <param name="appendedAt">When it came into the topic, Unix seconds; 0 when unknown.</param>
    /// <returns>Counted, corrected, dead-lettered, or deferred: held aside until others tell.</returns>
    public Outcome Process(ReadOnlySpan<byte> value, long offset, long appendedAt)
    {
        var fault = scanner.Read(value, out var seconds, out var uid);
        if (fault != FrameFault.None) return fault.Outcome();
        var user = hasher.HashUser(uid);
        var accepted = Clock.Take(seconds, user, offset, appendedAt);
        var outcome = accepted ? Count(seconds, user, offset) : Outcome.Deferred;
        Settle();
        // At once, so that which frames are late depends on their order and not on when somebody looked.
        if (times.Read(partition, Clock.Now)) windows.Advance(times.Watermark(idleSeconds: 0));
        return outcome;
    }

    /// <summary>Nothing more comes for now: what is held aside is decided.</summary>
    public void ComeToRest()
    {
        if (Clock.Held.Count == 0) return;
        Clock.ComeToRest();
        Settle();
        times.Read(partition, Clock.Now);
        times.ReachedEnd(partition);
    }

    private Outcome Count(long seconds, UInt128 user, long offset)
    {
        var late = windows.Late;
        if (!windows.Add(partition, seconds, user, offset < KeptBelow && !KeptHeld.Contains(offset))) return TooLate;
        return windows.Late == late ? Outcome.Counted : Outcome.Corrected;
    }

    private void Settle()
    {
        if (Clock.Released.Count == 0 && Clock.Wild.Count == 0) return;
        foreach (var frame in Clock.Released) Settled.Add((frame, Count(frame.Seconds, frame.User, frame.Offset)));
        foreach (var frame in Clock.Wild) Settled.Add((frame, Wild));
        Clock.Released.Clear();
        Clock.Wild.Clear();
    }
}
