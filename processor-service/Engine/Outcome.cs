namespace Tally.ProcessorService.Engine;

public enum OutcomeKind
{
    Counted,
    Duplicate,
    DeadLettered,

    /// <summary>Counted or a duplicate: the task will tell when it settles.</summary>
    Deferred,
}

/// <summary>What became of deferred records, as counts.</summary>
public readonly record struct Settled(long Counted, long Duplicate);

/// <summary>What became of one record.</summary>
public readonly record struct Outcome(OutcomeKind Kind, string Reason = "", string Message = "")
{
    public static readonly Outcome Counted = new(OutcomeKind.Counted);
    public static readonly Outcome Duplicate = new(OutcomeKind.Duplicate);
    public static readonly Outcome Deferred = new(OutcomeKind.Deferred);

    /// <param name="reason">Short stable name, part of the stored counters.</param>
    /// <param name="message">One sentence for people; never a user id.</param>
    public static Outcome DeadLetter(string reason, string message) => new(OutcomeKind.DeadLettered, reason, message);
}
