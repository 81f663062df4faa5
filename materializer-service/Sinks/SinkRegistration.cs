using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Tally.MaterializerService.Feed;
using Tally.Shared.Archive;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;
using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>The two sinks, each on its own thread and at its own pace.</summary>
public static class SinkRegistration
{
    private static readonly TimeSpan HealthLimit = TimeSpan.FromSeconds(2);

    public static WebApplicationBuilder AddSinks(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<KafkaOptions>(KafkaOptions.Section);
        services.AddValidatedOptions<MaterializerOptions>(MaterializerOptions.Section);
        services.AddSingleton<IValidateOptions<MaterializerOptions>, MaterializerOptionsCheck>();
        services.AddSingleton<IHourFeedFactory, KafkaHourFeedFactory>();
        AddSink(services, "redis", Redis);
        AddSink(services, "archive", Archive);
        services.Configure<HostOptions>(host => host.ServicesStopConcurrently = true);
        services.AddHealthChecks()
            .AddCheck<KafkaLoginCheck>("kafka login", tags: [HealthEndpoints.Ready])
            .AddCheck<RedisHealthCheck>("redis", tags: [HealthEndpoints.Ready], timeout: HealthLimit)
            .AddCheck<ArchiveHealthCheck>("archive", tags: [HealthEndpoints.Ready], timeout: HealthLimit);
        return builder;
    }

    private static SinkProfile Redis(IServiceProvider provider, MaterializerOptions options) => new(
        provider.GetRequiredService<RedisHourStore>(), "redis", "EVAL", options.RedisGroup, TimeSpan.Zero, options.RedisTimeout, _ => Task.CompletedTask,
        provider.GetRequiredService<IOptions<RedisOptions>>().Value.FutureTolerance);

    private static SinkProfile Archive(IServiceProvider provider, MaterializerOptions options)
    {
        var database = provider.GetRequiredService<ArchiveDatabase>();
        return new SinkProfile(provider.GetRequiredService<SqlHourStore>(), database.System, "INSERT", options.ArchiveGroup, options.ArchiveInterval,
            options.ArchiveTimeout, cancellation => ArchiveMigrations.RunAsync(database, cancellation));
    }

    private static void AddSink(IServiceCollection services, string name, Func<IServiceProvider, MaterializerOptions, SinkProfile> profile)
    {
        services.AddKeyedSingleton(name, (provider, _) =>
        {
            var options = provider.GetRequiredService<IOptions<MaterializerOptions>>().Value;
            return ActivatorUtilities.CreateInstance<SinkLoop>(provider, profile(provider, options), options);
        });
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<SinkLoop>(name));
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            $"{name}-sink", provider => new SinkHealthCheck(provider.GetRequiredKeyedService<SinkLoop>(name)), HealthStatus.Unhealthy,
            [HealthEndpoints.Ready]));
    }
}
