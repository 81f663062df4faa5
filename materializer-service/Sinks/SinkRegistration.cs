using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Tally.MaterializerService.Feed;
using Tally.Shared.Archive;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;
using Tally.Shared.ReadModel;

namespace Tally.MaterializerService.Sinks;

/// <summary>The sinks, each on its own thread and at its own pace.</summary>
public static class SinkRegistration
{
    private static readonly TimeSpan HealthLimit = TimeSpan.FromSeconds(2);

    public static WebApplicationBuilder AddSinks(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<KafkaOptions>(KafkaOptions.Section);
        services.AddValidatedOptions<MaterializerOptions>(MaterializerOptions.Section);
        services.AddSingleton<IValidateOptions<MaterializerOptions>, MaterializerOptionsCheck>();
        services.PostConfigure<MaterializerOptions>(options => options.NameByGeneration());
        AddSink(services, "redis", Redis);
        AddSink(services, "archive", Archive);
        AddSink(services, SqlSketchStore.StoreName, Sketches);
        AddSink(services, SqlFlowStore.StoreName, Flows);
        AddSink(services, SqlFrameStore.StoreName, Frames);
        services.Configure<HostOptions>(host => host.ServicesStopConcurrently = true);
        services.AddHealthChecks()
            .AddCheck<KafkaLoginCheck>("kafka login", tags: [HealthEndpoints.Ready])
            .AddCheck<RedisHealthCheck>("redis", tags: [HealthEndpoints.Ready], timeout: HealthLimit)
            .AddCheck<ArchiveHealthCheck>("archive", tags: [HealthEndpoints.Ready], timeout: HealthLimit);
        return builder;
    }

    private static SinkProfile<HourPartial> Redis(IServiceProvider provider, MaterializerOptions options, TopicNames topics) => new(
        new HourPartialKind(), Feeds(provider, topics.OfGeneration(options.Generation).Hours), provider.GetRequiredService<RedisHourStore>(), "redis", "EVAL", options.RedisGroup,
        TimeSpan.Zero, options.RedisTimeout, _ => Task.CompletedTask, options.BatchRecords, options.Generation,
        new HoursAhead(provider.GetRequiredService<IOptions<RedisOptions>>().Value.FutureTolerance, provider.GetRequiredService<TimeProvider>()).Refusal);

    private static SinkProfile<HourPartial> Archive(IServiceProvider provider, MaterializerOptions options, TopicNames topics)
    {
        var store = provider.GetRequiredService<SqlHourStore>();
        return new(new HourPartialKind(), Feeds(provider, topics.OfGeneration(options.Generation).Hours), store, provider.GetRequiredService<ArchiveDatabase>().System, "INSERT",
            options.ArchiveGroup, options.ArchiveInterval, options.ArchiveTimeout, store.PrepareAsync, options.BatchRecords, options.Generation);
    }

    private static SinkProfile<HourSketch> Sketches(IServiceProvider provider, MaterializerOptions options, TopicNames topics)
    {
        var database = provider.GetRequiredService<ArchiveDatabase>();
        return new(new HourSketchKind(), Feeds(provider, topics.OfGeneration(options.Generation).Sketches), provider.GetRequiredService<SqlSketchStore>(), database.System,
            "INSERT", options.SketchesGroup, options.ArchiveInterval, options.ArchiveTimeout, cancellation => ArchiveMigrations.RunAsync(database, cancellation),
            options.SketchBatchRecords, options.Generation);
    }

    private static SinkProfile<FlowPartial> Flows(IServiceProvider provider, MaterializerOptions options, TopicNames topics)
    {
        var database = provider.GetRequiredService<ArchiveDatabase>();
        return new(new FlowPartialKind(), Feeds(provider, topics.OfFlowsGeneration(options.FlowsGeneration).FlowSums), provider.GetRequiredService<SqlFlowStore>(), database.System, "INSERT",
            options.FlowsGroup, options.ArchiveInterval, options.ArchiveTimeout, cancellation => ArchiveMigrations.RunAsync(database, cancellation),
            options.FlowBatchRecords, options.FlowsGeneration);
    }

    private static SinkProfile<FramePartial> Frames(IServiceProvider provider, MaterializerOptions options, TopicNames topics)
    {
        var database = provider.GetRequiredService<ArchiveDatabase>();
        var store = provider.GetRequiredService<SqlFrameStore>();
        return new(new FramePartialKind(), Feeds(provider, topics.OfFramesGeneration(options.FramesGeneration).FramesProgress), store, database.System, "INSERT",
            options.FramesGroup, options.ArchiveInterval, options.ArchiveTimeout, cancellation => store.PrepareAsync(options.FramesGeneration, cancellation),
            options.BatchRecords, options.FramesGeneration);
    }

    private static KafkaPartialFeedFactory Feeds(IServiceProvider provider, string topic) =>
        ActivatorUtilities.CreateInstance<KafkaPartialFeedFactory>(provider, topic);

    private static void AddSink<T>(
        IServiceCollection services, string name, Func<IServiceProvider, MaterializerOptions, TopicNames, SinkProfile<T>> profile) where T : class
    {
        services.AddKeyedSingleton<SinkLoop<T>>(name, (provider, _) =>
        {
            var options = provider.GetRequiredService<IOptions<MaterializerOptions>>().Value;
            var topics = provider.GetRequiredService<IOptions<KafkaOptions>>().Value.Topics;
            return new(profile(provider, options, topics), options, provider.GetRequiredService<IHostApplicationLifetime>(),
                provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<ISink>>());
        });
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<SinkLoop<T>>(name));
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            $"{name}-sink", provider => new SinkHealthCheck(provider.GetRequiredKeyedService<SinkLoop<T>>(name)), HealthStatus.Unhealthy,
            [HealthEndpoints.Ready]));
    }
}
