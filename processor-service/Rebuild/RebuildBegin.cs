using System.Globalization;
using Microsoft.Extensions.Options;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Kafka;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Rebuild;

/// <summary>Makes the topics of the new generation, carries over the hours that cannot be counted anew, and says from when on they are.</summary>
public sealed partial class RebuildBegin(
    IOptions<KafkaOptions> kafka, IOptions<ProcessorOptions> options, TimeProvider clock, ILoggerFactory loggers) : IHostedService
{
    /// <summary>How far ahead of its arrival an event may lie: Ingest:FutureTolerance of command-service, by default, and as much again.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromDays(2);

    private readonly ILogger _logger = loggers.CreateLogger<RebuildBegin>();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var generation = options.Value.Generation;
        await TopicCreation.EnsureAsync(kafka.Value.OfGeneration(generation), _logger, cancellationToken).ConfigureAwait(false);
        await Task.Factory.StartNew(() => Carry(generation, cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Carry(int generation, CancellationToken cancellation)
    {
        var names = kafka.Value.Topics;
        using var broker = new KafkaBroker(kafka.Value, options.Value.For("carry"), new EngineStatus(clock), clock, loggers.CreateLogger<KafkaBroker>());
        var partitions = broker.CountPartitions(names.Events) ?? throw new ConfigurationException($"There is no topic {names.Events}: nothing can be rebuilt from it.");
        using var transactions = broker.OpenTransactions(cancellation);
        var kept = new KeptHours(broker, names.OfGeneration(generation - 1), names.OfGeneration(generation), generation, Tolerance, clock);
        var from = Enumerable.Range(0, partitions).Max(p => kept.Carry(p, transactions, cancellation));
        if (from == 0) All(_logger, generation, names.Events);
        else Since(_logger, generation, DateTimeOffset.FromUnixTimeMilliseconds(Hours.StartMs(from)).ToString("yyyy-MM-dd'T'HH':00Z'", CultureInfo.InvariantCulture), names.Events);
    }

    [LoggerMessage(EventId = 3301, Level = LogLevel.Information, Message = "Generation {Generation} counts every hour anew: {Topic} still holds every event")]
    private static partial void All(ILogger logger, int generation, string topic);

    [LoggerMessage(EventId = 3302, Level = LogLevel.Warning,
        Message = "Generation {Generation} counts the hours from {Hour} on anew; events of earlier ones are no longer all in {Topic}, so those keep their numbers")]
    private static partial void Since(ILogger logger, int generation, string hour, string topic);
}
