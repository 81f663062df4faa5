using Microsoft.Extensions.Options;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Rebuild;

/// <summary>Makes the topics of the new generation, carries over what cannot be counted anew, and says from when on the rest is.</summary>
public sealed partial class RebuildBegin(
    RebuildStart start, IOptions<KafkaOptions> kafka, IOptions<ProcessorOptions> options, TimeProvider clock, ILoggerFactory loggers) : IHostedService
{
    private readonly ILogger _logger = loggers.CreateLogger<RebuildBegin>();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await TopicCreation.EnsureAsync(kafka.Value.With(start.Now(kafka.Value.Topics)), _logger, cancellationToken).ConfigureAwait(false);
        await Task.Factory.StartNew(() => Carry(cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Carry(CancellationToken cancellation)
    {
        var (job, topics) = (start.Job, kafka.Value.Topics);
        using var broker = new KafkaBroker(kafka.Value, options.Value.For($"carry-{job.Name}"), new EngineStatus(clock), clock, loggers.CreateLogger<KafkaBroker>());
        var partitions = broker.CountPartitions(job.Input(topics)) ?? throw new ConfigurationException($"There is no topic {job.Input(topics)}: nothing can be rebuilt from it.");
        using var transactions = broker.OpenTransactions(cancellation);
        var told = job.Carry(broker, transactions, start, topics, partitions, clock, cancellation);
        if (told.IsWhole) All(_logger, told.Sentence);
        else Since(_logger, told.Sentence);
    }

    [LoggerMessage(EventId = 3301, Level = LogLevel.Information, Message = "{Sentence}")]
    private static partial void All(ILogger logger, string sentence);

    [LoggerMessage(EventId = 3302, Level = LogLevel.Warning, Message = "{Sentence}")]
    private static partial void Since(ILogger logger, string sentence);
}
