namespace Tally.ProcessorService.Jobs.Frames;

/// <summary>A frame held aside.</summary>
/// <param name="Seconds">Its ts.</param>
/// <param name="User">Hash of its uid.</param>
/// <param name="Offset">Where in its partition it stands.</param>
/// <param name="AppendedAt">When it came into the topic, Unix seconds; 0 when unknown.</param>
/// <param name="TakenBefore">Frames that were accepted as they came, by then.</param>
public readonly record struct HeldFrame(long Seconds, UInt128 User, long Offset, long AppendedAt, long TakenBefore);

/// <summary>
/// The event time of one partition: the greatest ts accepted. One wild ts must not move it, so a frame far ahead of it, and every frame
/// before it stands, is held aside until enough further frames of several uids lie near it: then there was a real gap. The same when enough
/// come one after the other with none that fits the clock as it is: the earliest of them goes on then. If neither happens while many others
/// are accepted, or nothing more comes at all, it was wild.
/// </summary>
public sealed class EventClock(FrameRules rules)
{
    private readonly List<HeldFrame> _held = [];

    /// <summary>Unix seconds; null before the first frame was accepted.</summary>
    public long? Now { get; private set; }

    public IReadOnlyList<HeldFrame> Held => _held;

    /// <summary>The frame that was held aside last, released again or not.</summary>
    public HeldFrame LastHeld { get; private set; }

    /// <summary>Held aside before and accepted now; to be taken out by the caller.</summary>
    public List<HeldFrame> Released { get; } = [];

    /// <summary>Held aside before and wild; to be taken out by the caller.</summary>
    public List<HeldFrame> Wild { get; } = [];

    /// <returns>True when the frame is accepted, false when it is held aside; others may be released or found wild with it.</returns>
    public bool Take(long seconds, UInt128 user, long offset, long appendedAt)
    {
        if (seconds <= Now + rules.WildLimit)
        {
            Taken++;
            if (seconds > Now) Now = seconds;
            if (_held.Count > 0) LookAtHeld();
            return true;
        }
        if (_held.Count == rules.HeldMax) Give(_held[0], Wild);
        LastHeld = new HeldFrame(seconds, user, offset, appendedAt, Taken);
        _held.Add(LastHeld);
        if (Near(seconds) is var near && IsEnough(near)) Accept(near);
        else if (_held.FindAll(frame => frame.TakenBefore == Taken) is var run && IsEnough(run)) Accept([run.MinBy(frame => frame.Seconds)]);
        return false;
    }

    /// <summary>
    /// Nothing more comes for now. What lies near the time it was appended is of now and counts; and where no frame was accepted yet, the
    /// largest group counts unless it lies in the future. The rest is wild.
    /// </summary>
    public void ComeToRest()
    {
        Accept([.. _held.Where(frame => frame.AppendedAt > 0 && Math.Abs(frame.Seconds - frame.AppendedAt) <= rules.WildLimit)]);
        if (Now is null && _held.Where(frame => frame.AppendedAt == 0 || frame.Seconds <= frame.AppendedAt + rules.WildLimit)
            .Select(frame => Near(frame.Seconds)).MaxBy(near => near.Count) is { } largest)
            Accept(largest);
        foreach (var frame in _held.ToArray()) Give(frame, Wild);
    }

    /// <summary>Begins where it was, with what was held aside.</summary>
    public void Resume(long? now, long taken) => (Now, Taken) = (now, taken);

    /// <summary>Frames accepted as they came, so far.</summary>
    public long Taken { get; private set; }

    /// <summary>Takes back a frame that was held aside when the state was written.</summary>
    public void Hold(HeldFrame frame) => _held.Add(frame);

    private List<HeldFrame> Near(long seconds) => _held.FindAll(frame => Math.Abs(frame.Seconds - seconds) <= rules.WildLimit);

    private bool IsEnough(List<HeldFrame> frames) =>
        (frames.Count > rules.GapFrames && frames.DistinctBy(frame => frame.User).Take(rules.GapUsers).Count() == rules.GapUsers)
        || frames.Count > rules.GapFramesOfOneUser;

    private void Accept(List<HeldFrame> frames)
    {
        if (frames.Count == 0) return;
        foreach (var frame in frames)
        {
            Give(frame, Released);
            if (Now is null || frame.Seconds > Now) Now = frame.Seconds;
        }
        LookAtHeld();
    }

    private void LookAtHeld()
    {
        for (var reached = true; reached;)
        {
            reached = false;
            foreach (var frame in _held.FindAll(frame => frame.Seconds <= Now + rules.WildLimit))
            {
                Give(frame, Released);
                if (frame.Seconds > Now) (Now, reached) = (frame.Seconds, true);
            }
        }
        while (_held.Count > 0 && Taken - _held[0].TakenBefore > rules.HeldFor) Give(_held[0], Wild);
    }

    private void Give(HeldFrame frame, List<HeldFrame> to)
    {
        _held.Remove(frame);
        to.Add(frame);
    }
}
