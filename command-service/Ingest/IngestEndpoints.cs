using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.CommandService.Ingest;

public static class IngestEndpoints
{
    public static void MapIngest(this WebApplication app)
    {
        app.MapPost("/analytics", app.Services.GetRequiredService<EventIntake>().TakeAsync);
        app.MapFallback("/analytics", MethodNotAllowed);
        app.MapFallback("{*path}", NotFound);
    }

    public static void AddIngest(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<KafkaOptions>(KafkaOptions.Section);
        services.AddValidatedOptions<HashKeyOptions>(HashKeyOptions.Section);
        services.AddValidatedOptions<IngestOptions>(IngestOptions.Section);
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<HashKeyOptions>>().Value.CreateHasher());
        services.AddSingleton<EventProducer>();
        services.AddSingleton(provider => new IngestTelemetry(provider.GetRequiredService<IMeterFactory>(),
            provider.GetRequiredService<EventProducer>(), provider.GetRequiredService<IOptions<KafkaOptions>>().Value.Topics.Events));
        services.AddSingleton<EventIntake>();
        services.AddSingleton<HashKeyCheck>();
        services.AddSingleton<KafkaWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<KafkaWatch>());
        services.AddHealthChecks().AddCheck<KafkaReadiness>("kafka", tags: [HealthEndpoints.Ready], timeout: TimeSpan.FromSeconds(2))
            .AddCheck<KafkaLoginCheck>("kafka login", tags: [HealthEndpoints.Ready]);
    }

    private static Task MethodNotAllowed(HttpContext context)
    {
        context.Response.Headers.Allow = HttpMethods.Post;
        return Refusals.MethodNotAllowed.WriteAsync(context);
    }

    private static Task NotFound(HttpContext context) => Refusals.NotFound.WriteAsync(context);
}
