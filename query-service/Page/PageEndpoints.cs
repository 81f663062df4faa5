using System.Security.Cryptography;
using System.Text;
using Tally.QueryService.Http;

namespace Tally.QueryService.Page;

/// <summary><c>GET /</c>: one page that shows the current hour live and the hours before it. It loads nothing from elsewhere.</summary>
public static class PageEndpoints
{
    private const string Resource = "Tally.QueryService.Page.index.html";

    private static readonly byte[] Html = Load();

    /// <summary>Only the page's own script and style may run, told by their hashes, and only this service may be asked.</summary>
    private static readonly string Policy = $"default-src 'none'; script-src '{HashOf("script")}'; style-src '{HashOf("style")}'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly string Tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(Html).AsSpan(0, 8))}\"";

    public static void MapPage(this IEndpointRouteBuilder routes) => routes.Map("/", Get);

    private static async Task Get(HttpContext context)
    {
        if (!ReadOnlyCall.IsPlain(context.Request))
        {
            await ReadOnlyCall.RefuseAsync(context);
            return;
        }
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-cache";
        headers.ETag = Tag;
        if (context.Request.Headers.IfNoneMatch is { Count: > 0 } known && EntityTags.Contain(known, Tag))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        headers.ContentType = "text/html; charset=utf-8";
        headers.ContentLength = Html.Length;
        if (!HttpMethods.IsHead(context.Request.Method)) await context.Response.Body.WriteAsync(Html, context.RequestAborted);
    }

    private static byte[] Load()
    {
        using var stream = typeof(PageEndpoints).Assembly.GetManifestResourceStream(Resource)!;
        var html = new byte[stream.Length];
        stream.ReadExactly(html);
        return html;
    }

    private static string HashOf(string element)
    {
        var html = Encoding.UTF8.GetString(Html);
        var begin = html.IndexOf($"<{element}>", StringComparison.Ordinal) + element.Length + 2;
        var end = html.IndexOf($"</{element}>", begin, StringComparison.Ordinal);
        return $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(html[begin..end])))}";
    }
}
