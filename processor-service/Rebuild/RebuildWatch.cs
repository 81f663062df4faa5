using Microsoft.Extensions.Options;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Rebuild;

/// <summary>Follows the progress of both generations, says how far the new one is, and ends the process once it has passed the old one everywhere.</summary>
public sealed partial class RebuildWatch(
    RebuildStart start, IOptions<KafkaOptions> kafka, IOptions<ProcessorOptions> options, IHostApplicationLifetime lifetime, TimeProvider clock, ILoggerFactory loggers)
    : DedicatedLoop("rebuild-watch", lifetime, clock, loggers.CreateLogger<RebuildWatch>())
{
    private static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(5);

    private readonly IHostApplicationLifetime _lifetime = lifetime;
    private readonly TimeProvider _clock = clock;
    private readonly ILogger _logger = loggers.CreateLogger<RebuildWatch>();

    protected override void Run(CancellationToken stopping)
    {
        var (job, generation) = (start.Job, start.Generation);
        var names = kafka.Value.Topics;
        using var broker = new KafkaBroker(kafka.Value, options.Value.For($"watch-{job.Name}"), new EngineStatus(_clock), _clock, loggers.CreateLogger<KafkaBroker>());
        var partitions = broker.CountPartitions(job.Input(names)) ?? 0;
        var (outputBefore, output) = (job.Output(start.Before(names)), job.Output(start.Now(names)));
        using var before = broker.OpenReplay(outputBefore, FromTheBeginning(broker, outputBefore, partitions));
        using var now = broker.OpenReplay(output, FromTheBeginning(broker, output, partitions));
        var (old, rebuilt) = (new long[partitions], new long[partitions]);
        var (oldEnds, rebuiltEnds) = (new bool[partitions], new bool[partitions]);
        var told = _clock.GetTimestamp();
        while (!stopping.IsCancellationRequested)
        {
            Follow(before, old, oldEnds);
            Follow(now, rebuilt, rebuiltEnds);
            if (Array.TrueForAll(oldEnds, end => end) && Array.TrueForAll(rebuiltEnds, end => end) && Enumerable.Range(0, partitions).All(p => rebuilt[p] >= old[p]))
            {
                var offset = rebuilt.Sum();
                Passed(_logger, generation, generation - 1, offset, job.GenerationKey == job.TopicKey ? job.GenerationKey : $"{job.TopicKey}={generation} and {job.GenerationKey}", job.MaterializerKey);
                _lifetime.StopApplication();
                return;
            }
            if (_clock.GetElapsedTime(told) < TellEvery) continue;
            told = _clock.GetTimestamp();
            var (done, all) = (rebuilt.Sum(), old.Sum());
            HowFar(_logger, generation, done, all);
        }
    }

    /// <summary>Reads what is there; a partition whose end was seen has told its newest progress.</summary>
    private static void Follow(IRecordLog log, long[] progress, bool[] ends)
    {
        while (log.TryRead(TimeSpan.FromMilliseconds(50), out var record))
        {
            if (record.IsEnd) ends[record.Partition] = true;
            else if (RecordKeys.IsProgress(record.Key)) progress[record.Partition] = Progress.Parser.ParseFrom(record.Value).NextOffset;
        }
    }

    private static PartitionOffset[] FromTheBeginning(KafkaBroker broker, string topic, int partitions) =>
        [.. Enumerable.Range(0, partitions).Select(p => new PartitionOffset(p, broker.QueryEnds(topic, p).Low))];

    [LoggerMessage(EventId = 3311, Level = LogLevel.Information, Message = "Rebuilding generation {Generation}: offset {Done} of {All}, summed over the partitions")]
    private static partial void HowFar(ILogger logger, int generation, long done, long all);

    [LoggerMessage(EventId = 3312, Level = LogLevel.Information,
        Message = "Generation {Generation} has passed generation {Before} at offset {Offset}, summed over the partitions: start the processors with {Key}={Generation}, and the "
            + "materializers with {MaterializerKey}={Generation}, which point the readers to it")]
    private static partial void Passed(ILogger logger, int generation, int before, long offset, string key, string materializerKey);
}
