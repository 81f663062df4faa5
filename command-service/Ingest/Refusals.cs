namespace Tally.CommandService.Ingest;

/// <summary>Every refusal there is, made once, so that refusing costs next to nothing.</summary>
public static class Refusals
{
    public static readonly Refusal TimestampMissing = Refusal.Timestamp("timestamp is missing: give Unix time in milliseconds.");
    public static readonly Refusal TimestampTwice = Refusal.Timestamp("timestamp is given more than once.");
    public static readonly Refusal TimestampNotAnInteger =
        Refusal.Timestamp("timestamp must be Unix time in milliseconds, digits only: no sign, space, fraction or exponent.");
    public static readonly Refusal TimestampTooLarge = Refusal.Timestamp("timestamp is beyond the year 9999; it counts milliseconds.");
    public static readonly Refusal TimestampInFuture = Refusal.Timestamp("timestamp lies further in the future than Ingest:FutureTolerance allows.");

    public static readonly Refusal UserMissing = Refusal.User("user is missing or empty.");
    public static readonly Refusal UserTwice = Refusal.User("user is given more than once.");
    public static readonly Refusal UserTooLong = Refusal.User("user is longer than 256 bytes of UTF-8.");
    public static readonly Refusal UserBadEscape = Refusal.User("user holds a % that is not followed by two hex digits.");
    public static readonly Refusal UserNotUtf8 = Refusal.User("user is not percent-encoded UTF-8.");
    public static readonly Refusal UserControl = Refusal.User("user holds a control character.");

    public static readonly Refusal EventMissing = Refusal.Event("event", "The kind of event is missing: give &click or &impression.");
    public static readonly Refusal EventTwice = Refusal.Event("event", "Give exactly one of click and impression, once.");
    public static readonly Refusal EventUnknown = Refusal.Event("event", "event must be click or impression.");
    public static readonly Refusal ClickValue = Refusal.Event("click", "click takes no value but true.");
    public static readonly Refusal ImpressionValue = Refusal.Event("impression", "impression takes no value but true.");

    public static readonly IdRefusals Id = new("id");
    public static readonly IdRefusals Key = new("Idempotency-Key");
    public static readonly Refusal IdDiffers = Refusal.Id("id", "id and the header Idempotency-Key differ.");

    public static readonly Refusal Body = Refusal.UnexpectedBody("No body is taken here: the event is in the query string.");

    public static readonly Refusal BodyTooLarge = Refusal.Other(StatusCodes.Status413PayloadTooLarge, "body-too-large",
        "The body is too large.", "body", "No body is taken here, and this one exceeds Http:MaxBodyBytes.");
    public static readonly Refusal MethodNotAllowed = Refusal.Other(StatusCodes.Status405MethodNotAllowed, "method-not-allowed",
        "The method is not allowed.", "method", "Events are sent by POST.");
    public static readonly Refusal NotFound = Refusal.Other(StatusCodes.Status404NotFound, "not-found",
        "There is nothing here.", "path", "Events go to POST /analytics, flows to POST /flows.");

    public static readonly Refusal Overloaded = Refusal.Other(StatusCodes.Status503ServiceUnavailable, "overloaded",
        "Too much at once.", null, "Too many events wait for Kafka. Nothing was stored; send the event again after Retry-After.");
    public static readonly Refusal KafkaAway = Refusal.Other(StatusCodes.Status503ServiceUnavailable, "kafka-away",
        "Kafka does not answer.", null, "Nothing was stored; send the event again after Retry-After.");
    public static readonly Refusal NotConfirmed = Refusal.Other(StatusCodes.Status503ServiceUnavailable, "not-confirmed",
        "Kafka did not confirm the event.", null,
        "The event may have been stored nevertheless. Send it again after Retry-After; with an id it is counted once in any case.");
}

/// <summary>What may be wrong with an id, for the place it came from.</summary>
public sealed class IdRefusals(string field)
{
    public Refusal Twice { get; } = Refusal.Id(field, $"{field} is given more than once.");
    public Refusal Empty { get; } = Refusal.Id(field, $"{field} is empty: leave it out or give 1 to 128 bytes.");
    public Refusal TooLong { get; } = Refusal.Id(field, $"{field} is longer than 128 bytes of UTF-8.");
    public Refusal BadEscape { get; } = Refusal.Id(field, $"{field} holds a % that is not followed by two hex digits.");
    public Refusal NotUtf8 { get; } = Refusal.Id(field, $"{field} is not valid UTF-8.");
    public Refusal Control { get; } = Refusal.Id(field, $"{field} holds a control character.");

    public Refusal Of(TextFault fault) => fault switch
    {
        TextFault.TooLong => TooLong,
        TextFault.BadEscape => BadEscape,
        TextFault.ControlCharacter => Control,
        _ => NotUtf8,
    };
}
