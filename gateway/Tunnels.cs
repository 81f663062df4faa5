using Tally.Shared.Hosting;

namespace Tally.Gateway;

/// <summary>A tunnel is no request to a service.</summary>
public static class Tunnels
{
    public static bool IsAsked(HttpContext context) => HttpMethods.IsConnect(context.Request.Method);

    public static Task RefuseAsync(HttpContext context)
    {
        context.Response.Headers.Allow = "GET, HEAD, POST";
        return ServerRefusals.AnswerAsync(context, new BadHttpRequestException("No tunnels.", StatusCodes.Status405MethodNotAllowed));
    }
}
