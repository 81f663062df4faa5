using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Tally.Shared.OpenApi;

/// <summary>
/// A service's OpenAPI document and the page to try it. The document is written by hand, since the calls read their requests by hand too; a test holds
/// every line of it against what the service answers.
/// </summary>
public static class ApiDocument
{
    public const string Path = "/openapi/v1.json";
    public const string PagePath = "/docs";

    /// <summary>Name of the embedded resource.</summary>
    public const string Document = "openapi.json";

    private const string Page = "Tally.Shared.OpenApi.docs.html";

    /// <summary>Serves the document, a resource of the service named <see cref="Document"/>, and the page.</summary>
    /// <param name="routes">The service's routes.</param>
    /// <param name="ofService">Any type of the service.</param>
    public static void MapApiDocument(this IEndpointRouteBuilder routes, Type ofService)
    {
        var document = Load(ofService.Assembly, Document);
        var page = Load(typeof(ApiDocument).Assembly, Page);
        var policy = $"default-src 'none'; script-src '{HashOf(page, "script")}'; style-src '{HashOf(page, "style")}'; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        routes.MapGet(Path, context => WriteAsync(context, document, "application/json"));
        routes.MapGet(PagePath, context =>
        {
            context.Response.Headers.ContentSecurityPolicy = policy;
            context.Response.Headers["Referrer-Policy"] = "no-referrer";
            return WriteAsync(context, page, "text/html; charset=utf-8");
        });
    }

    private static Task WriteAsync(HttpContext context, byte[] bytes, string type)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = bytes.Length;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers.CacheControl = "no-cache";
        return context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
    }

    private static byte[] Load(Assembly assembly, string resource)
    {
        using var stream = assembly.GetManifestResourceStream(resource) ?? throw new InvalidOperationException($"{assembly} has no resource {resource}.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static string HashOf(byte[] page, string element)
    {
        var html = Encoding.UTF8.GetString(page);
        var begin = html.IndexOf($"<{element}>", StringComparison.Ordinal) + element.Length + 2;
        var end = html.IndexOf($"</{element}>", begin, StringComparison.Ordinal);
        return $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(html[begin..end])))}";
    }
}
