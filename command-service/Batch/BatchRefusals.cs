using Tally.CommandService.Ingest;

namespace Tally.CommandService.Batch;

/// <summary>What may be wrong with an item or a whole batch, beside what may be wrong with any event (<see cref="Refusals"/>).</summary>
public static class BatchRefusals
{
    public static readonly Refusal NotJson = Item("malformed-item", "The item is no well-formed JSON, or is nested too deep.");
    public static readonly Refusal NotAnObject = Item("malformed-item", "The item is no JSON object such as {\"timestamp\":0,\"user\":\"ada\",\"event\":\"click\"}.");
    public static readonly Refusal TooLong = Item("item-too-large", "The item is larger than 16384 bytes.");
    public static readonly Refusal UnknownField = Item("unknown-field", "The item has an unknown field: timestamp, user, event and id are taken, each once.");
    public static readonly Refusal TimestampNotANumber = Refusal.Timestamp("timestamp must be a JSON number, Unix time in milliseconds: no text, sign, fraction or exponent.");
    public static readonly Refusal UserNotText = Refusal.User("user must be a JSON string.");
    public static readonly Refusal EventNotText = Refusal.Event("event", "event must be \"click\" or \"impression\".");
    public static readonly Refusal EventTwice = Refusal.Event("event", "event is given more than once.");
    public static readonly Refusal IdNotText = Refusal.Id("id", "id must be a JSON string; leave it out when there is none.");

    public static readonly Refusal Unavailable = Whole(StatusCodes.Status503ServiceUnavailable, "unavailable", "Kafka does not answer.", null,
        "Kafka did not take the item; nothing of it was stored. Send it again.");
    public static readonly Refusal NotConfirmed = Whole(StatusCodes.Status503ServiceUnavailable, "unavailable", "Kafka did not confirm the event.", null,
        "Kafka did not confirm the item; it may have been stored nevertheless. Send it again; with an id it is counted once in any case.");

    public static readonly Refusal Empty = Malformed("The body is empty: send one JSON object a line, or a JSON array of them.");
    public static readonly Refusal NotAnArray = Malformed("The JSON array is malformed or cut off. Items before next_index were taken, none after it.");
    public static readonly Refusal CutOff = Malformed("The body is malformed HTTP or ended before its announced length. Items before next_index were taken, none after it.");
    public static readonly Refusal AfterArray = Malformed("Something follows the JSON array. The items in it were taken.");
    public static readonly Refusal ItemTooLong = Whole(StatusCodes.Status400BadRequest, "item-too-large", "The batch was refused.", "body",
        "An item of the JSON array is larger than 16384 bytes. Items before next_index were taken, none after it.");
    public static readonly Refusal Parameters = Whole(StatusCodes.Status400BadRequest, "unknown-parameter", "The batch was refused.", "query",
        "A batch takes no parameters: the events are in the body.");
    public static readonly Refusal Key = Whole(StatusCodes.Status400BadRequest, "invalid-id", "The batch was refused.", "Idempotency-Key",
        "A batch takes no Idempotency-Key: give each item that may be sent again an id of its own.");
    public static readonly Refusal MediaType = Whole(StatusCodes.Status415UnsupportedMediaType, "unsupported-media-type", "The batch was refused.", "Content-Type",
        "Send Content-Type application/x-ndjson (an object a line) or application/json (an array of objects), without Content-Encoding.");
    public static readonly Refusal TooManyItems = Whole(StatusCodes.Status413PayloadTooLarge, "too-many-items", "The batch is too large.", "body",
        "The batch has more items than Batch:MaxItems allows. Items before next_index were taken, none after it.");
    public static readonly Refusal TooLarge = Whole(StatusCodes.Status413PayloadTooLarge, "body-too-large", "The batch is too large.", "body",
        "The body is larger than Batch:MaxBytes allows. Items before next_index were taken, none after it.");
    public static readonly Refusal TooSlow = Whole(StatusCodes.Status408RequestTimeout, "request-too-slow", "The batch did not arrive in time.", "body",
        "The body came too slowly. Items before next_index were taken, none after it.");
    public static readonly Refusal TooManyBatches = Whole(StatusCodes.Status503ServiceUnavailable, "overloaded", "Too much at once.", null,
        "Batch:Concurrency batches are under way. Nothing was stored; send the batch again after Retry-After.");
    public static readonly Refusal MethodNotAllowed = Whole(StatusCodes.Status405MethodNotAllowed, "method-not-allowed",
        "The method is not allowed.", "method", "Batches are sent by POST.");

    private static Refusal Item(string code, string detail) => Whole(StatusCodes.Status400BadRequest, code, "The event was refused.", "item", detail);

    private static Refusal Malformed(string detail) => Whole(StatusCodes.Status400BadRequest, "malformed-body", "The batch was refused.", "body", detail);

    private static Refusal Whole(int status, string code, string title, string? field, string detail) => Refusal.Other(status, code, title, field, detail);
}
