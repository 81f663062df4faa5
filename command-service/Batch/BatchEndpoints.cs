using Tally.Shared.Hosting;

namespace Tally.CommandService.Batch;

public static class BatchEndpoints
{
    public const string Path = "/analytics/batch";

    public static void AddBatch(this WebApplicationBuilder builder)
    {
        builder.Services.AddValidatedOptions<BatchOptions>(BatchOptions.Section);
        builder.Services.AddSingleton<BatchIntake>();
    }

    public static void MapBatch(this WebApplication app)
    {
        app.MapPost(Path, app.Services.GetRequiredService<BatchIntake>().TakeAsync);
        app.MapFallback(Path, MethodNotAllowed);
    }

    private static Task MethodNotAllowed(HttpContext context)
    {
        context.Response.Headers.Allow = HttpMethods.Post;
        return BatchRefusals.MethodNotAllowed.WriteAsync(context);
    }
}
