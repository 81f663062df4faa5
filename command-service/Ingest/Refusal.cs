using Tally.Shared.Hosting;

namespace Tally.CommandService.Ingest;

/// <summary>
/// Why a request was refused: an RFC 9457 problem whose body is written once and never holds the client's text.
/// </summary>
public sealed class Refusal
{
    private const int MaxEchoedName = 64;

    private Refusal(int status, string code, string title, string? field, string detail)
    {
        Status = status;
        Code = code;
        Title = title;
        Field = field;
        Detail = detail;
        Body = ProblemBody.Write(status, code, title, field, detail);
    }

    /// <summary>HTTP status.</summary>
    public int Status { get; }

    /// <summary>Stable name of the fault, end of the problem's type and reason in the metrics.</summary>
    public string Code { get; }

    /// <summary>What happened, the same for every such fault.</summary>
    public string Title { get; }

    /// <summary>The parameter or header that was wrong; null when it is not the input's fault.</summary>
    public string? Field { get; }

    /// <summary>One sentence that says what was wrong and what is right.</summary>
    public string Detail { get; }

    /// <summary>The answer's body, JSON in UTF-8.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    public static Refusal Timestamp(string detail) => Invalid("invalid-timestamp", "timestamp", detail);

    public static Refusal User(string detail) => Invalid("invalid-user", "user", detail);

    public static Refusal Event(string field, string detail) => Invalid("invalid-event", field, detail);

    public static Refusal Id(string field, string detail) => Invalid("invalid-id", field, detail);

    /// <summary>Names the parameter only when it is plain: what a client sends is never echoed as it came.</summary>
    public static Refusal UnknownParameter(ReadOnlySpan<char> name)
    {
        var plain = name.Length is > 0 and <= MaxEchoedName;
        foreach (var c in name) plain &= char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.';
        return Invalid("unknown-parameter", plain ? name.ToString() : "query",
            "A parameter is unknown: timestamp, user, click, impression, event and id are taken, each once.");
    }

    public static Refusal UnexpectedBody(string detail) => Invalid("unexpected-body", "body", detail);

    public static Refusal Other(int status, string code, string title, string? field, string detail) => new(status, code, title, field, detail);

    public Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.ContentType = ProblemBody.ContentType;
        response.ContentLength = Body.Length;
        return response.Body.WriteAsync(Body, CancellationToken.None).AsTask();
    }

    private static Refusal Invalid(string code, string field, string detail) =>
        new(StatusCodes.Status400BadRequest, code, "The event was refused.", field, detail);
}
