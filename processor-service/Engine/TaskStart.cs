using Tally.ProcessorService.Engine.Broker;
using Tally.Shared.Contracts;

namespace Tally.ProcessorService.Engine;

/// <summary>
/// Makes the tasks of newly assigned partitions: committed offset first, then the changelog's end with open transactions included, then
/// the changelog up to there, committed records only. What a former owner left open is so waited for, never overlooked. The
/// transactional id was initialised before, when the session began.
/// </summary>
public sealed partial class TaskStart(
    IBroker broker, IJob job, ProcessorOptions options, int partitionCount, EngineStatus status, TimeProvider clock, ILogger logger)
{
    /// <summary>A changelog that brings nothing for this long, though its end was not reached, is taken for an absent broker.</summary>
    private static readonly TimeSpan SilenceMax = TimeSpan.FromSeconds(30);

    private readonly DeadLetterWriter _deadLetters = new(job.Topics.Input, options.DeadLetterBytes);
    private readonly SameTopicCheck _sameTopic = new(broker, job.Topics.Input, status, clock);

    /// <param name="input">The group's consumer.</param>
    /// <param name="assigned">What the group gave.</param>
    /// <param name="parked">
    /// Tasks we had before the rebalance, everything in them committed. State depends on nothing but the input up to its offset, so one
    /// whose offset still is the group's goes on as it is.
    /// </param>
    /// <param name="cancellation">Ends the wait for the broker.</param>
    public IReadOnlyList<PartitionTask> Start(
        IInputLog input, IReadOnlyList<int> assigned, IReadOnlyDictionary<int, PartitionTask> parked, CancellationToken cancellation)
    {
        var offsets = StableOffsets(input, assigned, cancellation);
        var kept = assigned.Where((p, i) => parked.TryGetValue(p, out var task) && offsets[i] == task.NextOffset).Select(p => parked[p]).ToArray();
        foreach (var task in kept) task.GoOn();
        var fresh = assigned.Where(p => !Array.Exists(kept, task => task.Partition == p)).ToArray();
        if (fresh.Length == 0) return kept;
        return [.. kept, .. Start(fresh, [.. fresh.Select(p => offsets[assigned.ToList().IndexOf(p)])], cancellation)];
    }

    /// <summary>A former owner's open transaction keeps its offsets unstable until it ends, by its time-out at the latest.</summary>
    private IReadOnlyList<long?> StableOffsets(IInputLog input, IReadOnlyList<int> partitions, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            status.Beat();
            try
            {
                return input.Committed(partitions);
            }
            catch (BrokerAwayException) when (clock.GetElapsedTime(began) < SilenceMax)
            {
            }
        }
    }

    private IEnumerable<PartitionTask> Start(int[] partitions, long?[] committed, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        var ends = partitions.Select(p => broker.QueryEnds(job.Topics.Changelog, p)).ToArray();
        var restores = partitions.Select((p, i) => new Restore(NewTask(p), ends[i])).ToArray();
        Replay(restores, cancellation);

        var known = new List<Progress>();
        for (var i = 0; i < restores.Length; i++)
        {
            var (task, progress) = (restores[i].Task, restores[i].Progress);
            var ofInput = broker.QueryEnds(job.Topics.Input, task.Partition);
            var facts = new StartChecks.Facts(
                job.Topics.Input, task.Partition, partitionCount, job.Generation, ofInput, committed[i], progress, job.Topics.Changelog);
            var offset = StartChecks.StartOffset(facts, options.AcceptLostEvents);
            if (progress is not null && task.Resume(progress) is { } refusal)
                throw new Shared.Hosting.ConfigurationException($"{facts.Place}: {refusal}.");
            if (progress is not null) known.Add(progress);
            var expected = progress?.NextOffset ?? 0;
            if (offset > expected) SkippedLost(logger, facts.Place, offset - expected, offset);
            task.StartAt(offset, clock.GetUtcNow().ToUnixTimeMilliseconds());
            Started(logger, facts.Place, offset, restores[i].Records);
        }
        _sameTopic.Check(known, cancellation);
        EngineMetrics.RestoreDuration.Record(clock.GetElapsedTime(began).TotalSeconds);
        return restores.Select(r => r.Task);
    }

    private PartitionTask NewTask(int partition) =>
        new(job, partition, partitionCount, job.CreateTask(partition, partitionCount), _deadLetters);

    private void Replay(Restore[] restores, CancellationToken cancellation)
    {
        var open = restores.Where(r => !r.Done).ToDictionary(r => r.Task.Partition);
        if (open.Count == 0) return;
        using var replay = broker.OpenReplay(job.Topics.Changelog, [.. open.Values.Select(r => new PartitionOffset(r.Task.Partition, r.Ends.Low))]);
        var heard = clock.GetTimestamp();
        while (open.Count > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            status.Beat();
            if (!replay.TryRead(TimeSpan.FromMilliseconds(100), out var record))
            {
                if (clock.GetElapsedTime(heard) > SilenceMax)
                    throw new BrokerAwayException($"{job.Topics.Changelog} ended before the offset that was there at the start.");
                continue;
            }
            if (!open.TryGetValue(record.Partition, out var restore)) continue;
            if (!record.IsEnd) heard = clock.GetTimestamp();
            restore.Take(record);
            if (restore.Done) open.Remove(record.Partition);
        }
        EngineMetrics.RestoredRecords.Add(restores.Sum(r => r.Records));
    }

    /// <summary>One partition on its way through its changelog.</summary>
    private sealed class Restore(PartitionTask task, LogEnds ends)
    {
        public PartitionTask Task => task;
        public LogEnds Ends => ends;
        public Progress? Progress { get; private set; }
        public long Records { get; private set; }
        public bool Done { get; private set; } = ends.High <= ends.Low;

        public void Take(in LogRecord record)
        {
            if (record.IsEnd)
            {
                // Below the mark the end is that of the stable part: an open transaction of a former owner is waited for.
                Done = record.Offset >= ends.High;
                return;
            }
            Records++;
            if (!RecordKeys.IsProgress(record.Key)) task.Task.Restore(record.Key, record.Value, record.Headers);
            else if (RecordTypes.Is(record.Headers, RecordTypes.Progress, out var found)) Progress = Shared.Contracts.Progress.Parser.ParseFrom(record.Value);
            else throw new InvalidDataException($"The changelog holds progress of type {found}, which this version does not know.");
            Done = record.Offset + 1 >= ends.High;
        }
    }

    [LoggerMessage(EventId = 3010, Level = LogLevel.Information, Message = "{Place} starts at offset {Offset} with {Records} changelog records restored")]
    private static partial void Started(ILogger logger, string place, long offset, long records);

    [LoggerMessage(EventId = 3011, Level = LogLevel.Warning, Message = "{Place}: {Lost} events were removed before they were counted; going on at {Offset}")]
    private static partial void SkippedLost(ILogger logger, string place, long lost, long offset);
}
