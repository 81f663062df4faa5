using Microsoft.Extensions.Logging.Abstractions;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.ProcessorService.Jobs.HourlyAnalytics;
using Tally.Shared.Contracts;
using Tally.Shared.Kafka;
using Tally.Tests.Support;
using Tally.Tests.Unit.Processor;

namespace Tally.Tests.Integration.Processor;

/// <summary>The engine with its job in this process, one session after the other, until it is stopped or refuses to go on.</summary>
public sealed class RunningEngine : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;

    public RunningEngine(KafkaOptions kafka, ProcessorOptions? options = null, UserHasher? hasher = null, Action<string>? step = null) =>
        _run = Task.Factory.StartNew(
            () => Run(kafka, options ?? new ProcessorOptions(), hasher ?? Events.Hasher, step ?? (_ => { })), CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Sessions that ended before their time.</summary>
    public int Faults { get; private set; }

    /// <summary>Ends with what the engine refused to start for.</summary>
    public Task Ended => _run;

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _run.WaitAsync(Eventually.Promptly);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.WaitAsync(Eventually.Promptly).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private void Run(KafkaOptions kafka, ProcessorOptions options, UserHasher hasher, Action<string> step)
    {
        var status = new EngineStatus(TimeProvider.System);
        using var broker = new FaultyBroker(
            new KafkaBroker(kafka, options, status, TimeProvider.System, NullLogger<KafkaBroker>.Instance), step);
        var job = new HourlyAnalyticsJob(kafka.Topics, hasher, options.Generation, options.ChunkHashes);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var partitions = broker.CountPartitions(kafka.Topics.Events) ?? throw new InvalidOperationException("The topics were not made.");
                new Session(broker, job, options, partitions, status, TimeProvider.System, NullLogger.Instance).Run(_stop.Token);
            }
            catch (SessionEndException e)
            {
                TestContext.Progress.WriteLine($"session ended: {e.Message}");
                Faults++;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
            }
        }
    }
}
