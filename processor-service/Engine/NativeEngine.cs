using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Hosting;

namespace Tally.ProcessorService.Engine;

/// <summary>
/// Runs a job for as long as the process lives, on a thread of its own: one session after the other, with growing pauses while the
/// broker is away.
/// </summary>
public sealed partial class NativeEngine(
    IBroker broker, IJob job, ProcessorOptions options, EngineStatus status, IHostApplicationLifetime lifetime, TimeProvider clock,
    ILogger<NativeEngine> logger)
    : DedicatedLoop($"{job.Name} engine", lifetime, clock, logger)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan TopicLook = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _clock = clock;
    private bool _toldAway;

    protected override void Run(CancellationToken stopping)
    {
        Starts(logger, ProcessorOptions.Native, job.Name, options.Group, options.TransactionalId, job.Generation);
        var pause = FirstPause;
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                var commits = RunSession(stopping);
                if (stopping.IsCancellationRequested) return;
                pause = commits > 0 ? FirstPause : pause * 2 < LongestPause ? pause * 2 : LongestPause;
                Pause(pause, stopping);
            }
        }
        finally
        {
            status.Enter(EngineStatus.Phase.Stopped);
            Stopped(logger);
        }
    }

    /// <returns>Transactions the session committed.</returns>
    private long RunSession(CancellationToken stopping)
    {
        Session? session = null;
        try
        {
            if (WaitForTopics(stopping) is not { } partitions) return 0;
            session = new Session(broker, job, options, partitions, status, _clock, logger);
            session.Run(stopping);
        }
        catch (SessionEndException e)
        {
            Ended(e);
        }
        return session?.Commits ?? 0;
    }

    private void Ended(SessionEndException e)
    {
        switch (e)
        {
            case BrokerAwayException:
                status.Enter(EngineStatus.Phase.WaitingForBroker);
                if (!_toldAway) Away(logger, e.Message);
                _toldAway = true;
                break;
            case MigratedException:
                status.Enter(EngineStatus.Phase.Joining);
                EngineMetrics.Commits.Add(1, new KeyValuePair<string, object?>("outcome", "migrated"));
                Migrated(logger, e.Message);
                break;
            case LocalStateException:
                status.Reason = e.Message;
                status.Enter(EngineStatus.Phase.LocalStateAway);
                EngineMetrics.Commits.Add(1, new KeyValuePair<string, object?>("outcome", "local_state"));
                LocalStateAway(logger, e.Message);
                break;
            default:
                status.Enter(EngineStatus.Phase.WaitingForBroker);
                EngineMetrics.Commits.Add(1, new KeyValuePair<string, object?>("outcome", "corrupted"));
                Corrupted(logger, e.Message);
                break;
        }
    }

    /// <returns>Partitions of the input topic, once all topics are there; null when asked to stop.</returns>
    private int? WaitForTopics(CancellationToken stopping)
    {
        var told = false;
        while (!stopping.IsCancellationRequested)
        {
            status.Beat();
            var counts = job.Topics.All.Select(topic => (Topic: topic, Count: broker.CountPartitions(topic))).ToArray();
            _toldAway = false;
            var missing = counts.Where(c => c.Count is null).Select(c => c.Topic).ToArray();
            if (missing.Length == 0)
            {
                var first = counts[0];
                var other = Array.Find(counts, c => c.Count != first.Count);
                if (other.Topic is not null)
                    throw new ConfigurationException(
                        $"Topic {first.Topic} has {first.Count} partitions and {other.Topic} has {other.Count}: they must have the same number.");
                return first.Count;
            }
            status.Enter(EngineStatus.Phase.WaitingForTopics);
            if (!told) TopicsMissing(logger, string.Join(", ", missing));
            told = true;
            Pause(TopicLook, stopping);
        }
        return null;
    }

    private void Pause(TimeSpan time, CancellationToken stopping)
    {
        status.Beat();
        stopping.WaitHandle.WaitOne(time);
    }
}
