using Tally.QueryService.Http;
using Tally.QueryService.Reading;
using Tally.Shared.Hosting;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Colours;

/// <summary><c>GET /events/get-sets</c> and <c>/events/get-stats</c>: streamed through from the processor that has the colours.</summary>
public static class ColourEndpoints
{
    private static readonly Problem Moving = new(StatusCodes.Status503ServiceUnavailable, "colours-moving", "The colours are moving.", null,
        "No processor has them just now: one is taking them over, or reads them again. Ask again after Retry-After.");

    public static void AddColours(this WebApplicationBuilder builder)
    {
        builder.Services.AddValidatedOptions<ColourOptions>(ColourOptions.Section);
        builder.Services.AddSingleton<ColourSource>();
        builder.Services.AddSingleton<IProgressRecordSource, ColourProgressSource>();
    }

    public static void MapColours(this IEndpointRouteBuilder routes)
    {
        routes.Map("/events/get-sets", GetSetsAsync);
        routes.Map("/events/get-stats", GetAsync);
    }

    /// <summary>Sets may be many: they are under the bounds of all long answers, before the processor begins to write them.</summary>
    private static Task GetSetsAsync(HttpContext context, ColourSource source, StreamedAnswers streams) =>
        ReadOnlyCall.IsPlain(context.Request) ? streams.WriteAsync(context, () => GetAsync(context, source)) : ReadOnlyCall.RefuseAsync(context);

    private static async Task GetAsync(HttpContext context, ColourSource source)
    {
        if (!ReadOnlyCall.IsPlain(context.Request))
        {
            await ReadOnlyCall.RefuseAsync(context);
            return;
        }
        using var answer = await source.AskAsync($"{context.Request.Path}{context.Request.QueryString}", context.RequestAborted);
        if (answer is null)
        {
            await Moving.WriteAsync(context, retryAfterSeconds: 1);
            return;
        }
        context.Response.StatusCode = (int)answer.StatusCode;
        context.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
        if (HttpMethods.IsHead(context.Request.Method)) return;
        try
        {
            await using var body = await answer.Content.ReadAsStreamAsync(context.RequestAborted);
            await body.CopyToAsync(context.Response.Body, context.RequestAborted);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // Cut off in the middle, it must not look whole.
            context.Abort();
        }
    }
}
