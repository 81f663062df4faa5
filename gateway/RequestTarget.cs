using Microsoft.AspNetCore.Http.Features;
using Tally.Shared.Hosting;

namespace Tally.Gateway;

/// <summary>What a request is for, in the forms a request line may have (RFC 9112, 3.2).</summary>
public static class RequestTarget
{
    private const string BehindScheme = "://";

    /// <summary>Path and query as the client sent them: their escapes are the service's to judge.</summary>
    public static string Of(HttpContext context)
    {
        var target = Raw(context);
        if (target.StartsWith('/')) return target;
        var authority = target.IndexOf(BehindScheme, StringComparison.Ordinal) + BehindScheme.Length;
        var path = target.AsSpan(authority).IndexOfAny('/', '?') + authority;
        if (path < authority) return "/";
        return target[path] == '/' ? target[path..] : $"/{target[path..]}";
    }

    /// <summary>Answers a request that is for no service: a tunnel (CONNECT), or the server itself (<c>OPTIONS *</c>).</summary>
    /// <returns>True where it was answered.</returns>
    public static async Task<bool> RefusesAsync(HttpContext context)
    {
        if (!HttpMethods.IsConnect(context.Request.Method) && Raw(context) != "*") return false;
        context.Response.Headers.Allow = "GET, HEAD, POST";
        await ServerRefusals.AnswerAsync(context, new BadHttpRequestException("Not for a service.", StatusCodes.Status405MethodNotAllowed));
        return true;
    }

    private static string Raw(HttpContext context) => context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
}
