using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Kafka;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.ProcessorService.State;
using Tally.ProcessorService.State.Files;
using Tally.ProcessorService.State.Runs;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;

namespace Tally.Bench.Processing;

/// <summary>One instance of the engine with the analytics job, in this process.</summary>
/// <param name="bootstrap">The broker.</param>
/// <param name="topic">The backlog.</param>
/// <param name="run">Name of group, transactional ids and topics of this run.</param>
/// <param name="partitions">Of the backlog.</param>
/// <param name="instance">Its name among those of the run.</param>
/// <param name="megabytes">State:MemoryBudget.</param>
public sealed class EngineInstance(string bootstrap, string topic, string run, int partitions, string instance, int megabytes)
{
    public KafkaOptions Kafka { get; } = new()
    {
        BootstrapServers = bootstrap,
        Partitions = partitions,
        Topics = new TopicNames { Events = topic, Hours = $"{run}.hours", Changelog = $"{run}.changelog", DeadLetter = $"{run}.dead-letter" },
    };

    public EngineStatus Status { get; } = new(TimeProvider.System);

    /// <summary>True once it has partitions and counts.</summary>
    public bool Runs => Status.Now == EngineStatus.Phase.Running;

    public void Run(CancellationToken stop)
    {
        var folder = Directory.CreateTempSubdirectory("tally-processing-bench-");
        try
        {
            var options = new ProcessorOptions { StaticMembership = false, Fetching = Environment.GetEnvironmentVariable("FETCHING") ?? ProcessorOptions.Direct, Group = run, TransactionalIdPrefix = run, Instance = instance };
            using var store = new StateStore(new StateOptions { Directory = folder.FullName, MemoryBudget = (long)megabytes << 20 }, "bench", new LocalFiles(), new ThreadWorker(), TimeProvider.System, NullLogger.Instance);
            using var broker = new KafkaBroker(Kafka, options, Status, TimeProvider.System, NullLogger<KafkaBroker>.Instance);
            var job = new HourlyAnalyticsJob(Kafka.Topics, new UserHasher(new byte[32]), 1, options.ChunkHashes, store);
            new Session(broker, job, options, partitions, Status, TimeProvider.System, NullLogger.Instance).Run(stop);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
