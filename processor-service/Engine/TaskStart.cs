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

    private static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(1);

    private readonly DeadLetterWriter _deadLetters = new(job.Topics.Input, options.DeadLetterBytes);
    private readonly SameTopicCheck _sameTopic = new(broker, job.Topics.Input, status, clock);

    /// <param name="input">The group's consumer.</param>
    /// <param name="assigned">What the group gave.</param>
    /// <param name="parked">
    /// Tasks we had before the rebalance, everything in them committed. State depends on nothing but the input up to its offset, so one
    /// whose offset still is the group's goes on as it is.
    /// </param>
    /// <param name="cancellation">Ends the wait for the broker.</param>
    /// <param name="standby">Copies that followed the changelog, if any.</param>
    public IReadOnlyList<PartitionTask> Start(
        IInputLog input, IReadOnlyList<int> assigned, IReadOnlyDictionary<int, PartitionTask> parked, Standby? standby, CancellationToken cancellation)
    {
        var offsets = StableOffsets(input, assigned, cancellation);
        // Shared state goes on as a whole or not at all, and whether it may cannot be told from offsets alone.
        var kept = job.IsMerging ? [] : assigned.Where((p, i) => parked.TryGetValue(p, out var task) && offsets[i] == task.NextOffset).Select(p => parked[p]).ToArray();
        // While the group had no owner for them, their topic may have been made anew.
        WhileBrokersAnswer(() => _sameTopic.Check(kept.Select(task => task.LastProgress).OfType<Progress>(), cancellation), cancellation);
        foreach (var task in kept) task.GoOn();
        // Their folders are needed by whoever comes next, here or there.
        foreach (var task in parked.Values.Except(kept)) task.Dispose();
        var fresh = assigned.Where(p => !Array.Exists(kept, task => task.Partition == p)).ToArray();
        if (fresh.Length == 0) return kept;
        return [.. kept, .. Start(fresh, [.. fresh.Select(p => offsets[assigned.ToList().IndexOf(p)])], standby, cancellation)];
    }

    /// <summary>A task that is empty, to be restored up to the changelog's end as of now.</summary>
    public PartitionRestore NewRestore(int partition) => NewRestore(partition, broker.QueryEnds(job.Topics.Changelog, partition));

    /// <summary>A former owner's open transaction keeps its offsets unstable until it ends, by its time-out at the latest.</summary>
    private IReadOnlyList<long?> StableOffsets(IInputLog input, IReadOnlyList<int> partitions, CancellationToken cancellation)
    {
        IReadOnlyList<long?> offsets = [];
        WhileBrokersAnswer(() => offsets = input.Committed(partitions), cancellation);
        return offsets;
    }

    private void WhileBrokersAnswer(Action question, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            status.Beat();
            try
            {
                question();
                return;
            }
            catch (BrokerAwayException) when (clock.GetElapsedTime(began) < SilenceMax)
            {
            }
        }
    }

    private List<PartitionTask> Start(int[] partitions, long?[] committed, Standby? standby, CancellationToken cancellation)
    {
        var began = clock.GetTimestamp();
        var restores = new List<PartitionRestore>();
        try
        {
            foreach (var partition in partitions)
            {
                cancellation.ThrowIfCancellationRequested();
                var ends = broker.QueryEnds(job.Topics.Changelog, partition);
                if (standby?.Give(partition, ends) is { } copy)
                {
                    restores.Add(copy);
                    continue;
                }
                restores.Add(NewRestore(partition, ends));
                restores[^1].Begin();
            }
            Replay(restores, cancellation);
            Replay([.. restores.Where(restore => restore.BeginsAnew())], cancellation);
            var known = restores.Select((restore, i) => Resume(restore, committed[i])).OfType<Progress>().ToList();
            _sameTopic.Check(known, cancellation);
        }
        catch
        {
            foreach (var restore in restores) restore.Task.Dispose();
            throw;
        }
        EngineMetrics.RestoreDuration.Record(clock.GetElapsedTime(began).TotalSeconds);
        return [.. restores.Select(restore => restore.Task)];
    }

    /// <returns>What the changelog told, if anything.</returns>
    private Progress? Resume(PartitionRestore restore, long? committed)
    {
        var (task, progress) = (restore.Task, restore.Progress);
        var ofInput = broker.QueryEnds(job.Topics.Input, task.Partition);
        var facts = new StartChecks.Facts(
            job.Topics.Input, task.Partition, partitionCount, job.Generation, ofInput, committed, progress, job.Topics.Changelog, restore.MissingBelow,
            job.GenerationSetting);
        var offset = StartChecks.StartOffset(facts, options.AcceptLostEvents);
        if (progress is not null && task.Resume(progress) is { } refusal)
            throw new Shared.Hosting.ConfigurationException($"{facts.Place}: {refusal}.");
        var expected = progress?.NextOffset ?? 0;
        if (offset > expected) SkippedLost(logger, facts.Place, offset - expected, offset);
        task.StartAt(offset, clock.GetUtcNow().ToUnixTimeMilliseconds());
        Started(logger, facts.Place, offset, restore.Records, restore.FromSnapshot ? " after its snapshot" : "");
        return progress;
    }

    private PartitionRestore NewRestore(int partition, LogEnds ends) =>
        new(new PartitionTask(job, partition, partitionCount, job.CreateTask(partition, partitionCount), _deadLetters), job, partitionCount, ends);

    private void Replay(IReadOnlyList<PartitionRestore> restores, CancellationToken cancellation)
    {
        var open = restores.Where(r => !r.Done).ToDictionary(r => r.Task.Partition);
        if (open.Count == 0) return;
        using var replay = broker.OpenReplay(job.Topics.Changelog, [.. open.Values.Select(r => new PartitionOffset(r.Task.Partition, r.Position))]);
        var heard = clock.GetTimestamp();
        var told = heard;
        while (open.Count > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            status.Beat();
            if (clock.GetElapsedTime(told) >= TellEvery)
            {
                told = clock.GetTimestamp();
                status.Restored = (restores.Sum(r => r.Position - r.From), restores.Sum(r => r.Ends.High - r.From));
                Restoring(logger, status.RestoredPart, status.Restored.Total);
            }
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

    [LoggerMessage(EventId = 3012, Level = LogLevel.Information, Message = "Restoring: {Part:P0} of {Offsets} changelog offsets")]
    private static partial void Restoring(ILogger logger, double part, long offsets);

    [LoggerMessage(EventId = 3010, Level = LogLevel.Information, Message = "{Place} starts at offset {Offset} with {Records} changelog records restored{After}")]
    private static partial void Started(ILogger logger, string place, long offset, long records, string after);

    [LoggerMessage(EventId = 3011, Level = LogLevel.Warning, Message = "{Place}: {Lost} events were removed before they were counted; going on at {Offset}")]
    private static partial void SkippedLost(ILogger logger, string place, long lost, long offset);
}
