using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Storage;

/// <summary>What all partitions share.</summary>
internal sealed partial class StorageContext(FlushScheduler flush, RecoveryMode recovery, TimeProvider time, ILogger logger, Disk? disk = null)
{
    private readonly ILogger _logger = logger;

    public FlushScheduler Flush { get; } = flush;

    public Disk Disk { get; } = disk ?? new Disk();

    public RecoveryMode Recovery { get; } = recovery;

    public TimeProvider Time { get; } = time;

    public ILogger Log => _logger;

    [LoggerMessage(10, LogLevel.Error, "{Topic}-{Partition}: records are refused until they can be written again; reads go on: {Reason}")]
    public partial void LogAppendFailed(string topic, int partition, string reason);

    [LoggerMessage(12, LogLevel.Warning, "{Topic}-{Partition}: records can be written again")]
    public partial void LogAppendsAgain(string topic, int partition);

    [LoggerMessage(13, LogLevel.Error, "{Topic}-{Partition}: the start of the log could not be moved: {Reason}")]
    public partial void LogStartNotMoved(string topic, int partition, string reason);

    [LoggerMessage(14, LogLevel.Error, "{Topic}-{Partition}: stored data at offset {Offset} cannot be read: {Reason}")]
    public partial void LogReadFailed(string topic, int partition, long offset, string reason);

    [LoggerMessage(15, LogLevel.Error, "{Topic}-{Partition}: no offset can be told by time: {Reason}")]
    public partial void LogTimesUnreadable(string topic, int partition, string reason);

    [LoggerMessage(11, LogLevel.Error, "{Topic}-{Partition}: stored data at offset {Offset} is damaged and is not served")]
    public partial void LogDamaged(string topic, int partition, long offset);
}
