using Microsoft.Extensions.Options;
using Tally.Shared.Archive;
using Tally.Shared.Hosting;
using Tally.Shared.ReadModel;

namespace Tally.QueryService.Reading;

/// <summary>What reading needs, beside the sources themselves.</summary>
public static class ReadingRegistration
{
    public static WebApplicationBuilder AddReading(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<QueryOptions>(QueryOptions.Section);
        services.AddSingleton(Sources);
        services.AddSingleton<PageReads>();
        services.AddSingleton<StreamedAnswers>();
        services.AddSingleton<RefillQueue>();
        services.AddHostedService(provider => provider.GetRequiredService<RefillQueue>());
        services.AddSingleton<HourReader>();
        services.AddHealthChecks().AddCheck<SourcesHealthCheck>("sources", tags: [HealthEndpoints.Ready]);
        return builder;
    }

    private static HourSources Sources(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<IOptions<QueryOptions>>().Value;
        return new HourSources(
            Guard(provider, "redis", "redis", new SourceLimits(options.RedisTimeout, options.RedisConcurrency, options.RedisQueue, options.BreakFor)),
            Guard(provider, "archive", provider.GetService<ArchiveDatabase>()?.System ?? "other_sql",
                new SourceLimits(options.ArchiveTimeout, options.ArchiveConcurrency, options.ArchiveQueue, options.BreakFor)));
    }

    private static GuardedSource Guard(IServiceProvider provider, string name, string system, SourceLimits limits) =>
        new(provider.GetServices<IHourSource>().Single(source => source.Name == name), system, limits,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<GuardedSource>>());
}
