using Confluent.Kafka;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka.Fetching;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.ColourSets;

/// <summary>
/// The job as one task for all partitions of its topic, since any stream may carry any colour. Whoever gets the one partition of the progress topic from
/// the group is its owner: it fences a former one by the transactional id, reads progress, then the events from the beginning.
/// </summary>
public sealed partial class ColourLoop(
    KafkaOptions kafka, ProcessorOptions options, ColourBoard board, Func<HoldingLimits> limits, IHostApplicationLifetime lifetime, TimeProvider clock,
    ILogger<ColourLoop> logger) : DedicatedLoop("colours engine", lifetime, clock, logger)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan GoodbyeLimit = TimeSpan.FromSeconds(1);
    private readonly FetchRoute _route = new(kafka, options);
    private readonly TimeProvider _clock = clock;
    private readonly InstanceFencing _fencing = new("Processor:Instance", options.Instance, clock);

    protected override void Run(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                Own(stopping);
            }
            catch (KafkaException e)
            {
                if (e.Error.Code == ErrorCode.FencedInstanceId) _fencing.Add();
                Lost(logger, e.Error.Code, e.Error.Reason);
            }
            catch (SessionEndException e)
            {
                Ended(logger, e.Message);
            }
            board.Clear("The broker does not answer, or another instance has the colours.");
            Beat();
            stopping.WaitHandle.WaitOne(Pause);
        }
    }

    private void Own(CancellationToken stopping)
    {
        var owned = false;
        var config = KafkaClientConfig.Consumer(kafka, $"tally-processor-{options.Instance}-colours", options.Group);
        config.GroupInstanceId = options.StaticMembership ? options.Instance : null;
        config.SessionTimeoutMs = (int)options.SessionTimeout.TotalMilliseconds;
        config.HeartbeatIntervalMs = (int)options.SessionTimeout.TotalMilliseconds / 12;
        config.AutoOffsetReset = AutoOffsetReset.Earliest;
        config.AllowAutoCreateTopics = false;
        using var group = new ConsumerBuilder<byte[]?, byte[]?>(config).LogTo(logger)
            .SetPartitionsAssignedHandler((_, given) =>
            {
                owned = given.Count > 0;
                return given.Select(partition => new TopicPartitionOffset(partition, Offset.Beginning));
            })
            .SetPartitionsRevokedHandler((_, _) => owned = false)
            .SetPartitionsLostHandler((_, _) => owned = false)
            .Build();
        group.Subscribe(kafka.Topics.ColoursProgress);
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                Beat();
                group.Consume(TimeSpan.FromMilliseconds(100));
                if (!owned) continue;
                using var task = new ColourTask(kafka, options, board, limits(), _clock, logger);
                Owns(logger);
                task.Run(() =>
                {
                    Beat();
                    // Membership lives on calls to this one.
                    group.Consume(TimeSpan.Zero);
                    return owned && !stopping.IsCancellationRequested;
                });
                board.Clear("Another instance has the colours.");
            }
        }
        finally
        {
            // Destroying a consumer that is still a member of its group hangs in librdkafka 2.0.2.
            var member = group.MemberId;
            group.Close();
            if (stopping.IsCancellationRequested && member.Length > 0 && config.GroupInstanceId is { } instance && _route.Leaving(config) is { } leaving) leaving.Leave(config.GroupId, member, instance, GoodbyeLimit);
        }
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Information, Message = "This instance has the colours")]
    private static partial void Owns(ILogger logger);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Warning, Message = "The colours are given up and taken again: {Code} {Reason}")]
    private static partial void Lost(ILogger logger, ErrorCode code, string reason);

    [LoggerMessage(EventId = 3121, Level = LogLevel.Warning, Message = "The colours are given up and taken again: {Why}")]
    private static partial void Ended(ILogger logger, string why);
}
