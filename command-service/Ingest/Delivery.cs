namespace Tally.CommandService.Ingest;

/// <summary>What became of an event that was handed to Kafka.</summary>
public enum DeliveryOutcome
{
    /// <summary>Durable, acks=all.</summary>
    Stored,

    /// <summary>Never sent: too many are under way.</summary>
    Overloaded,

    /// <summary>Never stored: Kafka does not answer.</summary>
    Away,

    /// <summary>Sent, no answer: it may be stored.</summary>
    NotConfirmed,
}

/// <param name="Outcome">Partition and offset say something only for <see cref="DeliveryOutcome.Stored"/>.</param>
/// <param name="Partition">Partition of the event's topic.</param>
/// <param name="Offset">Offset in it.</param>
public readonly record struct Delivery(DeliveryOutcome Outcome, int Partition = -1, long Offset = -1);
