using Confluent.Kafka;

namespace Tally.ProcessorService.Engine;

public enum OutcomeKind
{
    Counted,
    Duplicate,
    DeadLettered,

    /// <summary>Counted where a result was final already.</summary>
    Corrected,

    /// <summary>Counted or a duplicate: the task will tell when it settles.</summary>
    Deferred,
}

/// <summary>What became of deferred records, as counts, and those that were dead-lettered.</summary>
public readonly record struct Settled(long Counted, long Duplicate, IReadOnlyList<DeferredLetter>? DeadLettered = null, long Corrected = 0);

/// <summary>A record that was deferred and is dead-lettered now.</summary>
/// <param name="Offset">Where it stood.</param>
/// <param name="Key">Its key, or null.</param>
/// <param name="Value">Its value.</param>
/// <param name="Headers">Its own headers.</param>
/// <param name="Outcome">Why.</param>
public sealed record DeferredLetter(long Offset, byte[]? Key, byte[] Value, Headers? Headers, Outcome Outcome);

/// <summary>What became of one record.</summary>
public readonly record struct Outcome(OutcomeKind Kind, string Reason = "", string Message = "")
{
    public static readonly Outcome Counted = new(OutcomeKind.Counted);
    public static readonly Outcome Duplicate = new(OutcomeKind.Duplicate);
    public static readonly Outcome Corrected = new(OutcomeKind.Corrected);
    public static readonly Outcome Deferred = new(OutcomeKind.Deferred);

    /// <param name="reason">Short stable name, part of the stored counters.</param>
    /// <param name="message">One sentence for people; never a user id.</param>
    public static Outcome DeadLetter(string reason, string message) => new(OutcomeKind.DeadLettered, reason, message);
}
