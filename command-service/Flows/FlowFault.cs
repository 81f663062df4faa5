using System.Globalization;
using Tally.CommandService.Ingest;
using Tally.Shared.Hosting;

namespace Tally.CommandService.Flows;

/// <summary>Why an array was refused. Made for each: it names index and field, and never holds the client's text.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Code">Stable name of the fault.</param>
/// <param name="Index">Of the element, from 0; null when it is the array's own fault.</param>
/// <param name="Field">Of the element; null when it is not about one.</param>
/// <param name="Detail">One sentence that says what was wrong and what is right.</param>
public sealed record FlowFault(int Status, string Code, int? Index, string? Field, string Detail)
{
    public const string NameRule = "must be a string of 1 to 256 bytes of UTF-8 without control characters";
    public const string NumberRule = "must be a whole number from 0 to 9223372036854775807, written in digits only";

    public static FlowFault Element(int index, string? field, string detail) => new(StatusCodes.Status400BadRequest, "invalid-flow", index, field, detail);

    public static FlowFault Body(string detail) => new(StatusCodes.Status400BadRequest, "invalid-flows", null, "body", detail);

    public static FlowFault TooMany(int most) => new(StatusCodes.Status413PayloadTooLarge, "too-many-flows", null, "body",
        string.Create(CultureInfo.InvariantCulture, $"The array has more than {most} elements (Flows:MaxElements): send several."));

    public static FlowFault TooLarge(int most) => new(StatusCodes.Status413PayloadTooLarge, "body-too-large", null, "body",
        string.Create(CultureInfo.InvariantCulture, $"The body is larger than {most} bytes (Flows:MaxBodyBytes): send several."));

    public Task WriteAsync(HttpContext context)
    {
        var field = Index is { } index ? string.Create(CultureInfo.InvariantCulture, $"[{index}]{(Field is null ? "" : $".{Field}")}") : Field;
        var body = ProblemBody.Write(Status, Code, "The flows were refused.", field, Detail, Index);
        context.Response.StatusCode = Status;
        context.Response.ContentType = ProblemBody.ContentType;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, CancellationToken.None).AsTask();
    }
}

/// <summary>Refusals that are always the same.</summary>
public static class FlowRefusals
{
    public static readonly Refusal Encoding = Refusal.Other(StatusCodes.Status415UnsupportedMediaType, "content-encoding",
        "The encoding is not taken.", "Content-Encoding", "The body is taken as it is: send it without Content-Encoding.");

    public static readonly Refusal Overloaded = Refusal.Other(StatusCodes.Status503ServiceUnavailable, "overloaded",
        "Too much at once.", null, "Too many arrays of flows are under way (Flows:MaxBytesInFlight). Nothing was stored; send the array again after Retry-After.");

    public static readonly Refusal NotConfirmed = Refusal.Other(StatusCodes.Status503ServiceUnavailable, "not-confirmed",
        "Kafka did not confirm the array.", null,
        "The array may have been stored nevertheless. Send it again after Retry-After; with an Idempotency-Key it counts once in any case.");

    public static readonly Refusal MethodNotAllowed = Refusal.Other(StatusCodes.Status405MethodNotAllowed, "method-not-allowed",
        "The method is not allowed.", "method", "Flows are sent by POST.");
}
