namespace Tally.Shared.Contracts;

/// <summary>
/// Headers that a dead-lettered record gets beside its own key, value and headers. The <c>__streams.errors.*</c> names are those of
/// Kafka Streams (KIP-1034), so that existing tools read them.
/// </summary>
public static class DeadLetterHeaders
{
    /// <summary>Short stable reason such as <c>invalid-event</c>, the one the outcome counters use.</summary>
    public const string Reason = "tally-reason";

    /// <summary>One sentence that says what was wrong.</summary>
    public const string Message = "__streams.errors.message";
    public const string Topic = "__streams.errors.topic";
    public const string Partition = "__streams.errors.partition";
    public const string Offset = "__streams.errors.offset";
}

/// <summary>Reasons an event ends as dead-lettered; part of the stored outcome counters, so a name never changes.</summary>
public static class DeadLetterReasons
{
    public const string InvalidEvent = "invalid-event";
    public const string InvalidColour = "invalid-colour";
    public const string InvalidFlows = "invalid-flows";
    public const string UnknownVersion = "unknown-version";
    public const string MixedKeying = "mixed-keying";
    public const string HourExpired = "hour-expired";
    public const string NotJson = "not-json";
    public const string NoTimestamp = "no-ts";
    public const string NoUser = "no-uid";
    public const string WildTimestamp = "wild-timestamp";
    public const string TooLate = "too-late";
}
