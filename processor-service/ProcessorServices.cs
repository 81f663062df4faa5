using Microsoft.Extensions.Options;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.ProcessorService.Jobs.ColourSets;
using Tally.ProcessorService.Jobs.Flows;
using Tally.ProcessorService.Jobs.Frames;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.ProcessorService.State;
using Tally.ProcessorService.State.Files;
using Tally.ProcessorService.State.Runs;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService;

/// <summary>The processor's parts, one capability a line.</summary>
public static class ProcessorServices
{
    public static WebApplicationBuilder AddProcessor(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddValidatedOptions<KafkaOptions>(KafkaOptions.Section);
        services.AddValidatedOptions<HashKeyOptions>(HashKeyOptions.Section);
        services.AddValidatedOptions<ProcessorOptions>(ProcessorOptions.Section);
        services.AddSingleton<IValidateOptions<ProcessorOptions>, ProcessorOptionsRules>();
        services.PostConfigure<ProcessorOptions>(options => options.NameByGeneration());
        services.AddValidatedOptions<StateOptions>(StateOptions.Section);
        services.AddSingleton(LocalState);
        services.AddSingleton(Status);
        services.AddSingleton<IJob>(HourlyAnalytics);
        services.AddSingleton<IBroker>(provider => new KafkaBroker(
            Options<KafkaOptions>(provider),
            Options<ProcessorOptions>(provider),
            provider.GetRequiredService<EngineStatus>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<KafkaBroker>>()));
        services.AddHealthChecks().AddCheck<KafkaLoginCheck>("kafka login", tags: [HealthEndpoints.Ready]);
        if (ProcessorOptions.Runs(builder.Configuration, "analytics"))
        {
            services.AddSingleton<IHostedService>(Engine);
            services.AddHealthChecks().AddCheck<EngineHealthCheck>("Engine", tags: [HealthEndpoints.Ready], timeout: TimeSpan.FromSeconds(2));
        }
        services.AddValidatedOptions<FlowsOptions>(FlowsOptions.Section);
        builder.AddJob("flows", Flows, provider => Options<FlowsOptions>(provider).Generation);
        builder.AddColours();
        services.AddValidatedOptions<FramesOptions>(FramesOptions.Section);
        builder.AddJob(FramesJob.JobName, Frames, provider => Options<FramesOptions>(provider).TopicGeneration, provider => FrameTopics(provider).UniqueUsers);
        // Each engine may take seconds to end when the broker is away.
        services.Configure<HostOptions>(host => host.ServicesStopConcurrently = true);
        return builder;
    }

    private static EngineStatus Status(IServiceProvider provider)
    {
        var status = new EngineStatus(provider.GetRequiredService<TimeProvider>()) { Engine = Options<ProcessorOptions>(provider).Engine };
        EngineMetrics.ObserveRestore(status);
        return status;
    }

    private static HourlyAnalyticsJob HourlyAnalytics(IServiceProvider provider)
    {
        var options = Options<ProcessorOptions>(provider);
        var state = Options<StateOptions>(provider);
        // Streamiz has stores of its own and writes the open chunk after each record, the native engine once a commit.
        var streamiz = options.Engine == ProcessorOptions.Streamiz;
        return new(
            Options<KafkaOptions>(provider).Topics.OfGeneration(options.Generation), Options<HashKeyOptions>(provider).CreateHasher(), options.Generation,
            streamiz ? ProcessorOptions.LeastChunkHashes : options.ChunkHashes, streamiz || state.Directory.Length == 0 ? null : provider.GetRequiredService<StateStore>(),
            state.Retention, provider.GetRequiredService<TimeProvider>(), options.SketchInterval);
    }

    private static FlowsJob Flows(IServiceProvider provider)
    {
        var (flows, state) = (Options<FlowsOptions>(provider), Options<StateOptions>(provider));
        var folder = state.Directory.Length == 0
            ? null
            : Path.Combine(state.Directory, $"flows-{Options<ProcessorOptions>(provider).Instance}{GenerationEnding.Of(flows.Generation)}");
        return new(Options<KafkaOptions>(provider).Topics.OfFlowsGeneration(flows.Generation), flows, folder, provider.GetRequiredService<TimeProvider>());
    }

    private static TopicNames FrameTopics(IServiceProvider provider) =>
        Options<KafkaOptions>(provider).Topics.OfFramesGeneration(Options<FramesOptions>(provider).TopicGeneration);

    private static FramesJob Frames(IServiceProvider provider) => new(
        FrameTopics(provider), Options<HashKeyOptions>(provider).CreateHasher(), Options<FramesOptions>(provider),
        Options<ProcessorOptions>(provider).For(FramesJob.JobName), Options<StateOptions>(provider).Directory, provider.GetRequiredService<TimeProvider>());

    private static StateStore LocalState(IServiceProvider provider) => new(
        Options<StateOptions>(provider),
        Options<ProcessorOptions>(provider).TransactionalId,
        new LocalFiles(),
        new ThreadWorker(),
        provider.GetRequiredService<TimeProvider>(),
        provider.GetRequiredService<ILogger<StateStore>>());

    private static IHostedService Engine(IServiceProvider provider) =>
        Options<ProcessorOptions>(provider).Engine == ProcessorOptions.Streamiz ? EngineChoice.Streamiz(provider) : Native(provider);

    private static NativeEngine Native(IServiceProvider provider) => new(
        provider.GetRequiredService<IBroker>(),
        provider.GetRequiredService<IJob>(),
        Options<ProcessorOptions>(provider),
        provider.GetRequiredService<EngineStatus>(),
        provider.GetRequiredService<IHostApplicationLifetime>(),
        provider.GetRequiredService<TimeProvider>(),
        provider.GetRequiredService<ILogger<NativeEngine>>());

    private static T Options<T>(IServiceProvider provider) where T : class => provider.GetRequiredService<IOptions<T>>().Value;
}
