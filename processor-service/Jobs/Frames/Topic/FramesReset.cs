using System.Text;
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
/// ends; then that state and its results are taken out of their topics.
/// </summary>
/// <param name="kafka">Which Kafka.</param>
/// <param name="options">Those of the frames job.</param>
/// <param name="hasher">Key of the new generation.</param>
/// <param name="clock">For the time of the beginning.</param>
/// <param name="loggers">For the clients' own words.</param>
public sealed class FramesReset(KafkaOptions kafka, ProcessorOptions options, UserHasher hasher, TimeProvider clock, ILoggerFactory loggers) : IDisposable
{
    /// <summary>An instance that ended is a member of its group until the session is over.</summary>
    private static readonly TimeSpan MemberLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private const int TombstonesAtOnce = 5_000;

    private readonly KafkaBroker _broker = new(kafka, options, new EngineStatus(clock), clock, loggers.CreateLogger<KafkaBroker>());

    private TopicNames Names => kafka.Topics;

    /// <param name="from">Unix seconds: frames that came into the topic then or later are read again; null for all that are still there.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The new generation.</returns>
    /// <exception cref="ConfigurationException">There is no such topic, or processors still count; says what to do.</exception>
    public async Task<int> RunAsync(long? from, CancellationToken cancellation)
    {
        var partitions = _broker.CountPartitions(Names.Frames) ?? throw new ConfigurationException($"there is no topic {Names.Frames}: run create-topics first.");
        await ForgetGroupAsync(cancellation).ConfigureAwait(false);
        // A processor that counts in spite of it is fenced.
        using var transactions = _broker.OpenTransactions(cancellation);
        var state = Live(Names.FramesChangelog, partitions, out var before);
        var generation = before + 1;
        Begin(transactions, generation, StartOffsets(from, partitions), partitions);
        Remove(transactions, Names.FramesChangelog, state);
        Remove(transactions, Names.FramesProgress, Live(Names.FramesProgress, partitions, out _));
        Remove(transactions, Names.UniqueUsers, Live(Names.UniqueUsers, 1, out _));
        return generation;
    }

    public void Dispose() => _broker.Dispose();

    /// <summary>The group's offsets are of the old counting; while it has members they cannot be taken away, and must not.</summary>
    private async Task ForgetGroupAsync(CancellationToken cancellation)
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
                if (clock.GetElapsedTime(began) > MemberLimit)
                    throw new ConfigurationException($"a processor counts the frames (group {options.Group} has members): stop every processor with `frames` in Processor:Jobs first.", e);
                await Task.Delay(TimeSpan.FromMilliseconds(500), clock, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Keys of a compacted topic that have a value, but for progress, and the newest generation that its progress names.</summary>
    private List<(int Partition, byte[] Key)> Live(string topic, int partitions, out int generation)
    {
        generation = 0;
        var live = new HashSet<(int Partition, string Key)>();
        var open = Enumerable.Range(0, partitions).ToHashSet();
        using var log = _broker.OpenReplay(topic, [.. open.Select(p => new PartitionOffset(p, _broker.QueryEnds(topic, p).Low))]);
        var heard = clock.GetTimestamp();
        while (open.Count > 0)
        {
            if (!log.TryRead(TimeSpan.FromMilliseconds(100), out var record))
            {
                if (clock.GetElapsedTime(heard) > Limit) throw new BrokerAwayException($"{topic} could not be read to its end.");
                continue;
            }
            heard = clock.GetTimestamp();
            if (record.IsEnd) open.Remove(record.Partition);
            else if (RecordKeys.IsProgress(record.Key)) generation = Math.Max(generation, Progress.Parser.ParseFrom(record.Value).Generation);
            else if (record.HasValue) live.Add((record.Partition, Encoding.ASCII.GetString(record.Key)));
            else live.Remove((record.Partition, Encoding.ASCII.GetString(record.Key)));
        }
        return [.. live.Select(one => (one.Partition, Encoding.ASCII.GetBytes(one.Key)))];
    }

    private long[] StartOffsets(long? from, int partitions)
    {
        if (from is null) return [.. Enumerable.Range(0, partitions).Select(p => _broker.QueryEnds(Names.Frames, p).Low)];
        using var consumer = new ConsumerBuilder<Ignore, Ignore>(KafkaClientConfig.Consumer(kafka, "tally-frames-reset", options.Group))
            .LogTo(loggers.CreateLogger<FramesReset>()).Build();
        var asked = Enumerable.Range(0, partitions).Select(p => new TopicPartitionTimestamp(Names.Frames, p, new Timestamp(from.Value * 1000, TimestampType.CreateTime)));
        return [.. consumer.OffsetsForTimes(asked, Limit).OrderBy(o => o.Partition.Value)
            .Select(o => o.Offset.IsSpecial ? _broker.QueryEnds(Names.Frames, o.Partition.Value).High : o.Offset.Value)];
    }

    private void Begin(ITransactionLog transactions, int generation, long[] offsets, int partitions)
    {
        var nowMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
        transactions.Begin();
        for (var partition = 0; partition < partitions; partition++)
        {
            var progress = new Progress
            {
                Generation = generation,
                Partition = partition,
                NextOffset = offsets[partition],
                Outcomes = new Outcomes(),
                CommittedAtMs = nowMs,
                SinceMs = nowMs,
                PartitionCount = partitions,
                Partitioner = KafkaClientConfig.PartitionerName,
                InputTopic = Names.Frames,
                KeyFingerprint = hasher.Fingerprint,
            }.ToByteArray();
            Headers type = new() { { RecordTypes.Header, RecordTypes.Progress } };
            transactions.Write(Names.FramesChangelog, partition, new OutputRecord(RecordKeys.ChangelogProgress, progress, type));
            transactions.Write(Names.FramesProgress, partition, new OutputRecord(RecordKeys.Progress(partition), progress, type));
        }
        transactions.Commit(Limit);
    }

    private static void Remove(ITransactionLog transactions, string topic, List<(int Partition, byte[] Key)> keys)
    {
        foreach (var some in keys.Chunk(TombstonesAtOnce))
        {
            transactions.Begin();
            foreach (var (partition, key) in some) transactions.Write(topic, partition, new OutputRecord(key, null, []));
            transactions.Commit(Limit);
        }
    }
}
