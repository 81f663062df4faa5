namespace Tally.Gateway;

/// <summary>The answer when no instance behind the door gives one.</summary>
public static class ServiceAway
{
    public static Task AnswerAsync(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "1";
        return Results.Problem(
            statusCode: StatusCodes.Status503ServiceUnavailable,
            type: "urn:tally:problem:service-away",
            title: "The service behind this door does not answer",
            detail: "Try again; a request with an id can be repeated without being counted twice.").ExecuteAsync(context);
    }
}
