using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Engine;

/// <summary>
/// Jobs beside the hourly analytics: each has an engine, a consumer group and a transactional id of its own, so that none waits for another.
/// </summary>
public static class JobHosting
{
    private static readonly TimeSpan MergingHeartbeat = TimeSpan.FromMilliseconds(500);

    /// <param name="builder">The service's builder.</param>
    /// <param name="name">As it stands in <c>Processor:Jobs</c>; nothing is added when it does not.</param>
    /// <param name="job">Makes it.</param>
    /// <param name="generation">Of the job, where its group and transactional id have it in their names.</param>
    /// <param name="ownedThrough">For a merging job: the topic whose only partition says which instance runs it.</param>
    public static void AddJob(
        this WebApplicationBuilder builder, string name, Func<IServiceProvider, IJob> job, Func<IServiceProvider, int>? generation = null,
        Func<IServiceProvider, string>? ownedThrough = null)
    {
        if (!ProcessorOptions.Runs(builder.Configuration, name)) return;
        var services = builder.Services;
        services.AddKeyedSingleton(name, (provider, _) =>
        {
            var status = new EngineStatus(provider.GetRequiredService<TimeProvider>());
            EngineMetrics.ObserveRestore(status);
            return status;
        });
        // Kept by the container, which disposes it.
        services.AddKeyedSingleton<IBroker>(name, (provider, _) => new KafkaBroker(
            provider.GetRequiredService<IOptions<KafkaOptions>>().Value,
            Options(provider, name, generation),
            provider.GetRequiredKeyedService<EngineStatus>(name),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<KafkaBroker>>(),
            ownedThrough?.Invoke(provider)));
        services.AddSingleton<IHostedService>(provider => Engine(provider, name, job(provider), Options(provider, name, generation)));
        services.AddHealthChecks().Add(new HealthCheckRegistration($"{name} engine",
            provider => new EngineHealthCheck(provider.GetRequiredKeyedService<EngineStatus>(name)), HealthStatus.Unhealthy, [HealthEndpoints.Ready]));
    }

    private static ProcessorOptions Options(IServiceProvider provider, string name, Func<IServiceProvider, int>? generation) =>
        provider.GetRequiredService<IOptions<ProcessorOptions>>().Value.For(name).Of(generation?.Invoke(provider) ?? 1);

    /// <summary>The options of a job with the names of a generation of it.</summary>
    public static ProcessorOptions Of(this ProcessorOptions options, int generation)
    {
        options.Generation = generation;
        options.NameByGeneration();
        return options;
    }

    private static NativeEngine Engine(IServiceProvider provider, string name, IJob job, ProcessorOptions options)
    {
        // What a merging job tells depends on the time of day too while nothing comes in.
        if (job.IsMerging && options.HeartbeatInterval > MergingHeartbeat) options.HeartbeatInterval = MergingHeartbeat;
        return new NativeEngine(
            provider.GetRequiredKeyedService<IBroker>(name),
            job,
            options,
            provider.GetRequiredKeyedService<EngineStatus>(name),
            provider.GetRequiredService<IHostApplicationLifetime>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<NativeEngine>>());
    }
}
