using System.Globalization;
using Tally.Shared.Hosting;

namespace Tally.QueryService.Http;

/// <summary>
/// An answer that says what was wrong (RFC 9457). Its body is written once and never holds the client's text, in the same shape as
/// command-service's refusals.
/// </summary>
public sealed class Problem
{
    public Problem(int status, string code, string title, string? field, string detail)
    {
        Status = status;
        Code = code;
        Field = field;
        Detail = detail;
        Body = ProblemBody.Write(status, code, title, field, detail);
    }

    /// <summary>HTTP status.</summary>
    public int Status { get; }

    /// <summary>Stable name of the fault: the end of the problem's type.</summary>
    public string Code { get; }

    /// <summary>The parameter that was wrong; null when it is not the input's fault.</summary>
    public string? Field { get; }

    /// <summary>One sentence that says what was wrong and what is right.</summary>
    public string Detail { get; }

    /// <summary>The answer's body, JSON in UTF-8.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>400 that names the field.</summary>
    public static Problem Invalid(string code, string field, string detail) =>
        new(StatusCodes.Status400BadRequest, code, "The request was refused.", field, detail);

    /// <summary>Writes the answer.</summary>
    public Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.ContentType = ProblemBody.ContentType;
        response.ContentLength = Body.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(Body, context.RequestAborted).AsTask();
    }

    /// <summary>Writes the answer with <c>Allow</c>.</summary>
    public Task WriteAsync(HttpContext context, string allow)
    {
        context.Response.Headers.Allow = allow;
        return WriteAsync(context);
    }

    /// <summary>Writes the answer with <c>Retry-After</c>, in whole seconds.</summary>
    public Task WriteAsync(HttpContext context, int retryAfterSeconds)
    {
        context.Response.Headers.RetryAfter = retryAfterSeconds.ToString(CultureInfo.InvariantCulture);
        return WriteAsync(context);
    }
}
