namespace Tally.QueryService.Http;

/// <summary>What all calls of this service have in common: they are read by GET or HEAD and take no body.</summary>
public static class ReadOnlyCall
{
    public const string Allow = "GET, HEAD";
    private const int RetryAfterSeconds = 1;

    /// <summary>False when method or body are wrong; then <see cref="RefuseAsync"/> says so.</summary>
    public static bool IsPlain(HttpRequest request) =>
        (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
        && request.ContentLength is null or 0 && request.Headers.TransferEncoding.Count == 0;

    public static Task RefuseAsync(HttpContext context) =>
        HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)
            ? Problems.Body.WriteAsync(context)
            : Problems.MethodNotAllowed.WriteAsync(context, Allow);

    /// <summary>503: nothing is left that could answer.</summary>
    public static Task NoSourceAsync(HttpContext context) => Problems.NoSource.WriteAsync(context, RetryAfterSeconds);

    /// <summary>What no other route takes.</summary>
    public static void MapNotFound(this IEndpointRouteBuilder routes) => routes.MapFallback("{*path}", (HttpContext context) => Problems.NotFound.WriteAsync(context));
}
