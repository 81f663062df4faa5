using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;
using Streamiz.Kafka.Net;
using Streamiz.Kafka.Net.Kafka;
using Streamiz.Kafka.Net.SerDes;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Streamiz;

/// <summary>Runs the topology for as long as the process lives. Streamiz owns the threads; when they end in an error the service ends.</summary>
public sealed partial class StreamizEngine(
    IBroker broker, IJob job, IOptions<KafkaOptions> kafkaOptions, IOptions<ProcessorOptions> processorOptions, EngineStatus status,
    IHostApplicationLifetime lifetime, TimeProvider clock, ILoggerFactory logs) : BackgroundService
{
    private readonly KafkaOptions _kafka = kafkaOptions.Value;
    private readonly ProcessorOptions _options = processorOptions.Value;
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger = logs.CreateLogger<StreamizEngine>();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            if (await PartitionsAsync(stoppingToken).ConfigureAwait(false) is { } partitions) await RunAsync(partitions, stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
        catch (ConfigurationException e)
        {
            Refused(_logger, e.Message);
            End();
        }
    }

    private async Task RunAsync(int partitions, CancellationToken stopping)
    {
        var persistent = NativeLibrary.TryLoad("rocksdb", typeof(RocksDbSharp.RocksDb).Assembly, null, out _);
        if (!persistent) NoRocksDb(_logger);
        var config = Config();
        var restores = new RestoreWatch(new DefaultKafkaClientSupplier(new KafkaLoggerAdapter(config), config), status);
        using (var stream = new KafkaStream(new TopologyParts(job, partitions, _options, broker, status, restores, clock).Build(persistent), config, restores))
        {
            stream.StateChanged += (_, now) => Moved(now, restores);
            Starts(_logger, ProcessorOptions.Streamiz, job.Name, config.ApplicationId, _options.Instance, job.Generation);
            // Without the token: on it the stream would dispose itself, a second time beside us.
            await stream.StartAsync().ConfigureAwait(false);
            await Task.Delay(Timeout.InfiniteTimeSpan, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        status.Enter(EngineStatus.Phase.Stopped);
    }

    private StreamConfig<ByteArraySerDes, RoutedSerDes> Config()
    {
        var config = new StreamConfig<ByteArraySerDes, RoutedSerDes>
        {
            // A group of its own: its offsets belong to its changelog, not to the native engine's.
            ApplicationId = $"{_options.Group}-{ProcessorOptions.Streamiz}",
            ClientId = $"tally-processor-{_options.Instance}",
            BootstrapServers = _kafka.BootstrapServers,
            AutoOffsetReset = Confluent.Kafka.AutoOffsetReset.Earliest,
            Guarantee = ProcessingGuarantee.EXACTLY_ONCE,
            CommitIntervalMs = (long)_options.CommitInterval.TotalMilliseconds,
            TransactionTimeout = _options.TransactionTimeout,
            ReplicationFactor = _kafka.ReplicationFactor,
            StateDir = Path.Combine(_options.StreamizFolder, _options.Instance),
            NumStreamThreads = 1,
            SessionTimeoutMs = (int)_options.SessionTimeout.TotalMilliseconds,
            HeartbeatIntervalMs = (int)(_options.SessionTimeout.TotalMilliseconds / 3),
            OffsetCheckpointManager = new EmptyAtStart(),
            Logger = logs,
        };
        config.InnerExceptionHandler = e =>
        {
            if (e.GetBaseException() is ConfigurationException refusal) Refused(_logger, refusal.Message);
            else Ended(_logger, e);
            return ExceptionHandlerResponse.FAIL;
        };
        foreach (var (name, value) in _kafka.Client) config.AddConfig(name, value);
        return config;
    }

    private async Task<int?> PartitionsAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            status.Beat();
            try
            {
                var counts = job.Topics.All.Where(t => t != job.Topics.Changelog).Select(broker.CountPartitions).ToArray();
                if (Array.TrueForAll(counts, c => c is not null)) return counts[0];
                status.Enter(EngineStatus.Phase.WaitingForTopics);
            }
            catch (BrokerAwayException)
            {
                status.Enter(EngineStatus.Phase.WaitingForBroker);
            }
            await Task.Delay(Look, clock, stopping).ConfigureAwait(false);
        }
        return null;
    }

    private void Moved(KafkaStream.State now, RestoreWatch restores)
    {
        status.Beat();
        if (now == KafkaStream.State.RUNNING) status.Enter(restores.Phase);
        else if (now == KafkaStream.State.REBALANCING) status.Enter(EngineStatus.Phase.Joining);
        else if (now == KafkaStream.State.ERROR) End();
    }

    private void End()
    {
        Environment.ExitCode = ServiceRun.Failed;
        lifetime.StopApplication();
    }

    [LoggerMessage(EventId = 3301, Level = LogLevel.Information,
        Message = "Engine {Engine} runs {Job} as {Application}, instance {Instance}, generation {Generation}")]
    private static partial void Starts(ILogger logger, string engine, string job, string application, string instance, int generation);

    [LoggerMessage(EventId = 3302, Level = LogLevel.Warning, Message = "RocksDB's native library cannot be loaded: the state is kept in memory and restored from its changelog at each start")]
    private static partial void NoRocksDb(ILogger logger);

    [LoggerMessage(EventId = 3304, Level = LogLevel.Critical, Message = "The topology stopped by an error; nothing of what it had in hand is lost, the next start goes on from what was committed")]
    private static partial void Ended(ILogger logger, Exception error);

    [LoggerMessage(EventId = 3303, Level = LogLevel.Critical, Message = "The topology stopped: {Reason}")]
    private static partial void Refused(ILogger logger, string reason);
}
