using Tally.Shared.Hosting;

namespace Tally.Gateway;

/// <summary>
/// HTTP clients, the one that forwards included, join lines of the same header with a comma: behind the door two keys would look like one
/// that holds a comma. So they are refused here, in command-service's words.
/// </summary>
public static class DoubleKeys
{
    private const string IdempotencyKey = "Idempotency-Key";

    private static readonly byte[] Body = ProblemBody.Write(StatusCodes.Status400BadRequest, "invalid-id", "The request was refused.",
        IdempotencyKey, $"{IdempotencyKey} is given more than once.");

    public static void RefuseDoubleKeys(this WebApplication app) =>
        app.Use(next => context => context.Request.Headers[IdempotencyKey].Count > 1 ? RefuseAsync(context) : next(context));

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        context.Response.ContentType = ProblemBody.ContentType;
        context.Response.ContentLength = Body.Length;
        return context.Response.Body.WriteAsync(Body, CancellationToken.None).AsTask();
    }
}
