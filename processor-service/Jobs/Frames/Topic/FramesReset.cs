using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Google.Protobuf;
using Tally.ProcessorService.Engine;
using Tally.ProcessorService.Engine.Broker;
using Tally.ProcessorService.Engine.Kafka;
using Tally.Shared.Contracts;
using Tally.Shared.Hosting;
using Tally.Shared.Kafka;

namespace Tally.ProcessorService.Jobs.Frames.Topic;

/// <summary>
/// Begins the counting of the frames again, in a new generation. Its progress is written first, so that state of the one before counts no more however this
/// ends; that the old state and its results are then taken out of their topics is housekeeping. Call <see cref="BeginAsync"/>, <see cref="CheckAsync"/>,
/// <see cref="Remove"/> and <see cref="CheckAsync"/> again.
/// </summary>
/// <param name="kafka">Which Kafka.</param>
/// <param name="options">Those of the frames job.</param>
/// <param name="hasher">Key of the new generation.</param>
/// <param name="clock">For the time of the beginning.</param>
/// <param name="loggers">For the clients' own words.</param>
public sealed class FramesReset(KafkaOptions kafka, ProcessorOptions options, UserHasher hasher, TimeProvider clock, ILoggerFactory loggers) : IDisposable
{
    private const string StopAndRepeat = "stop every processor with `frames` in Processor:Jobs, then run frames-reset again.";
    private const int TombstonesAtOnce = 5_000;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RestartLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly KafkaBroker _broker = new(kafka, options, new EngineStatus(clock), clock, loggers.CreateLogger<KafkaBroker>());
    private ITransactionLog? _transactions;
    private TopicRemains? _before;
    private int _partitions;
    private int _generation;

    /// <summary>How long members of the group are waited for: an instance that ended is one until its session is over.</summary>
    public TimeSpan MemberLimit { get; init; } = TimeSpan.FromSeconds(20);

    private TopicNames Names => kafka.Topics;

    /// <summary>Writes the progress of a new generation: from then on processors start with no other one.</summary>
    /// <param name="from">Unix seconds: frames that came into the topic then or later are read again; null for all that are still there.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The new generation.</returns>
    /// <exception cref="ConfigurationException">There is no such topic, or processors still count; says what to do. Nothing was begun.</exception>
    /// <exception cref="SessionEndException">Kafka did not answer or refused.</exception>
    public async Task<int> BeginAsync(long? from, CancellationToken cancellation)
    {
        _partitions = _broker.CountPartitions(Names.Frames) ?? throw new ConfigurationException($"there is no topic {Names.Frames}: run create-topics first.");
        await ForgetGroupAsync($"a processor counts the frames (group {options.Group} has members): stop every processor with `frames` in Processor:Jobs first.", cancellation)
            .ConfigureAwait(false);
        // Fences a processor of the same instance; CheckAsync finds the others.
        _transactions = _broker.OpenTransactions(cancellation);
        _before = Read(Names.FramesChangelog);
        _generation = _before.Generations.Values.DefaultIfEmpty(0).Max() + 1;
        Begin(_transactions, StartOffsets(from, _partitions));
        return _generation;
    }

    /// <summary>Sees to it that no processor counted on in the generation before; a Kafka that restarts is waited for.</summary>
    /// <exception cref="ConfigurationException">One did, or may; says what to do.</exception>
    /// <exception cref="SessionEndException">It could not be seen; says what to do.</exception>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        while (true)
        {
            try
            {
                // In this order: who is no member commits nothing any more.
                await ForgetGroupAsync($"generation {_generation} has begun, but group {options.Group} has members again: {StopAndRepeat}", cancellation).ConfigureAwait(false);
                CheckProgress();
                return;
            }
            catch (Exception e) when (e is SessionEndException or KafkaException)
            {
                if (clock.GetElapsedTime(began) > RestartLimit)
                    throw new BrokerAwayException(
                        $"generation {_generation} has begun, but whether a processor still counts in another one could not be seen ({e.Message.TrimEnd('.')}): "
                        + $"see to Kafka, {StopAndRepeat}", e);
                await Task.Delay(Pause, clock, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Takes state and results of the generations before out of their topics.</summary>
    /// <returns>What stayed, why, and what that means; null when nothing did.</returns>
    public string? Remove()
    {
        try
        {
            RemoveFrom(Names.FramesChangelog, _before!);
            RemoveFrom(Names.FramesProgress, Read(Names.FramesProgress));
            RemoveFrom(Names.UniqueUsers, Read(Names.UniqueUsers, partitions: 1));
            return null;
        }
        catch (Exception e) when (e is SessionEndException or KafkaException)
        {
            return $"generation {_generation} has begun, but not all of the one before could be taken out of the topics ({e.Message.ReplaceLineEndings(" ").TrimEnd('.')}). It is not "
                + $"counted; on {Names.UniqueUsers} an old result stands until its window is counted again.";
        }
    }

    public void Dispose()
    {
        _transactions?.Dispose();
        _broker.Dispose();
    }

    /// <summary>The group's offsets are of the old counting; while it has members they cannot be taken away, and must not.</summary>
    private async Task ForgetGroupAsync(string refusal, CancellationToken cancellation)
    {
        using var admin = new AdminClientBuilder(KafkaClientConfig.Admin(kafka, "tally-frames-reset")).LogTo(loggers.CreateLogger<FramesReset>()).Build();
        var began = clock.GetTimestamp();
        while (true)
        {
            try
            {
                await admin.DeleteGroupsAsync([options.Group], new DeleteGroupsOptions { RequestTimeout = Limit }).ConfigureAwait(false);
                return;
            }
            catch (DeleteGroupsException e) when (e.Results[0].Error.Code == ErrorCode.GroupIdNotFound)
            {
                return;
            }
            catch (DeleteGroupsException e) when (e.Results[0].Error.Code == ErrorCode.NonEmptyGroup)
            {
                if (clock.GetElapsedTime(began) > MemberLimit) throw new ConfigurationException(refusal, e);
                await Task.Delay(Pause, clock, cancellation).ConfigureAwait(false);
            }
        }
    }

    private void CheckProgress()
    {
        var last = Read(Names.FramesChangelog).Generations;
        for (var partition = 0; partition < _partitions; partition++)
        {
            if (last.GetValueOrDefault(partition) is var found && found != _generation)
                throw new ConfigurationException(
                    $"generation {_generation} has begun, but the last progress of {Names.FramesChangelog} partition {partition} is of generation {found}, "
                    + $"which a processor or another frames-reset wrote meanwhile: {StopAndRepeat}");
        }
    }

    private TopicRemains Read(string topic) => Read(topic, _partitions);

    private TopicRemains Read(string topic, int partitions) => TopicRemains.Read(_broker, topic, partitions, clock);

    private long[] StartOffsets(long? from, int partitions)
    {
        if (from is null) return [.. Enumerable.Range(0, partitions).Select(p => _broker.QueryEnds(Names.Frames, p).Low)];
        using var consumer = new ConsumerBuilder<Ignore, Ignore>(KafkaClientConfig.Consumer(kafka, "tally-frames-reset", options.Group))
            .LogTo(loggers.CreateLogger<FramesReset>()).Build();
        var asked = Enumerable.Range(0, partitions).Select(p => new TopicPartitionTimestamp(Names.Frames, p, new Timestamp(from.Value * 1000, TimestampType.CreateTime)));
        return [.. consumer.OffsetsForTimes(asked, Limit).OrderBy(o => o.Partition.Value)
            .Select(o => o.Offset.IsSpecial ? _broker.QueryEnds(Names.Frames, o.Partition.Value).High : o.Offset.Value)];
    }

    private void Begin(ITransactionLog transactions, long[] offsets)
    {
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        transactions.Begin();
        for (var partition = 0; partition < _partitions; partition++)
        {
            var progress = new Progress
            {
                Generation = _generation,
                Partition = partition,
                NextOffset = offsets[partition],
                Outcomes = new Outcomes(),
                CommittedAtMs = nowMs,
                SinceMs = nowMs,
                PartitionCount = _partitions,
                Partitioner = KafkaClientConfig.PartitionerName,
                InputTopic = Names.Frames,
                KeyFingerprint = hasher.Fingerprint,
            }.ToByteArray();
            Headers type = new() { { RecordTypes.Header, RecordTypes.Progress } };
            transactions.Write(Names.FramesChangelog, partition, new OutputRecord(RecordKeys.ChangelogProgress, progress, type));
            transactions.Write(Names.FramesProgress, partition, new OutputRecord(RecordKeys.Progress(partition), progress, type));
        }
        try
        {
            transactions.Commit(Limit);
        }
        catch (SessionEndException e)
        {
            throw new BrokerAwayException($"whether generation {_generation} has begun is not known ({e.Message.TrimEnd('.')}): run frames-reset again.", e);
        }
    }

    private void RemoveFrom(string topic, TopicRemains remains)
    {
        foreach (var some in remains.Keys.Chunk(TombstonesAtOnce))
        {
            _transactions!.Begin();
            foreach (var (partition, key) in some) _transactions.Write(topic, partition, new OutputRecord(key, null, []));
            _transactions.Commit(Limit);
        }
    }
}
