using Tally.ProcessorService.Engine.Broker;

namespace Tally.ProcessorService.Engine;

/// <summary>
/// Copies of the state of partitions that other instances count, kept warm from their changelog: whoever takes a partition over has only
/// the newest records left to read. Runs on the engine's thread, a few records at each turn. A copy that cannot be kept is given up; the
/// partition is then restored as without one.
/// </summary>
public sealed partial class Standby(IBroker broker, IJob job, TaskStart start, int partitionCount, EngineStatus status, TimeProvider clock, ILogger logger) : IDisposable
{
    /// <summary>Records of a turn while own events wait, and while none do.</summary>
    private const int BusyRecords = 64;

    private const int IdleRecords = 4096;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly Dictionary<int, PartitionRestore> _copies = [];
    private IRecordLog? _log;
    private long _failedAt;

    /// <summary>From now on these are ours; the copies are of all others.</summary>
    public void Follow(IReadOnlyCollection<int> owned)
    {
        CloseLog();
        foreach (var partition in owned)
            if (_copies.Remove(partition, out var taken)) taken.Task.Dispose();
        foreach (var partition in Enumerable.Range(0, partitionCount).Except(owned).Where(p => !_copies.ContainsKey(p)))
        {
            var copy = start.NewRestore(partition);
            _copies.Add(partition, copy);
            copy.Begin();
        }
        Tell();
    }

    /// <summary>Hands a copy over to be counted on.</summary>
    /// <returns>What is left to be read of it is set; null where there is none that goes on with this changelog.</returns>
    public PartitionRestore? Give(int partition, LogEnds ends)
    {
        if (!_copies.Remove(partition, out var copy)) return null;
        CloseLog();
        if (copy.TryGoOnTo(ends)) return copy;
        copy.Task.Dispose();
        return null;
    }

    /// <summary>Reads on a little.</summary>
    /// <param name="idle">No own event waits.</param>
    /// <returns>True when more is waiting.</returns>
    public bool Turn(bool idle)
    {
        if (_copies.Count == 0 || (_failedAt != 0 && clock.GetElapsedTime(_failedAt) < RetryAfter)) return false;
        try
        {
            _log ??= broker.OpenReplay(job.Topics.Changelog, [.. _copies.Values.Select(copy => new PartitionOffset(copy.Task.Partition, copy.Position))]);
            for (var left = idle ? IdleRecords : BusyRecords; left > 0; left--)
            {
                if (!_log.TryRead(TimeSpan.Zero, out var record)) return false;
                if (!_copies.TryGetValue(record.Partition, out var copy)) continue;
                copy.Take(record);
                if (record.IsEnd) Tell();
                else copy.TakeSnapshotIfDue();
            }
            return true;
        }
        catch (Exception e) when (e is BrokerAwayException or CorruptedException or InvalidDataException)
        {
            Failed(logger, e.Message);
            _failedAt = clock.GetTimestamp();
            // Whatever was half read is not worth a thought: it begins anew at the next assignment, or when the partition comes here.
            if (e is InvalidDataException) Drop();
            CloseLog();
            return false;
        }
    }

    public void Dispose() => Drop();

    private void Drop()
    {
        CloseLog();
        foreach (var copy in _copies.Values) copy.Task.Dispose();
        _copies.Clear();
        Tell();
    }

    private void CloseLog()
    {
        _log?.Dispose();
        _log = null;
    }

    private void Tell() => status.Copied(_copies.Count, [.. _copies.Where(copy => copy.Value.Done).Select(copy => copy.Key).Order()]);

    [LoggerMessage(EventId = 3030, Level = LogLevel.Warning, Message = "Standby copies are not kept up for now: {Why}")]
    private static partial void Failed(ILogger logger, string why);
}
