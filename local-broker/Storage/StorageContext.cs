using Tally.LocalBroker.Server;

namespace Tally.LocalBroker.Storage;

/// <summary>What all partitions share.</summary>
internal sealed partial class StorageContext(FlushScheduler flush, RecoveryMode recovery, TimeProvider time, ILogger logger)
{
    private readonly ILogger _logger = logger;

    public FlushScheduler Flush { get; } = flush;

    public RecoveryMode Recovery { get; } = recovery;

    public TimeProvider Time { get; } = time;

    public ILogger Log => _logger;

    [LoggerMessage(10, LogLevel.Error, "{Topic}-{Partition}: a batch could not be written")]
    public partial void LogAppendFailed(Exception e, string topic, int partition);

    [LoggerMessage(11, LogLevel.Error, "{Topic}-{Partition}: stored data at offset {Offset} is damaged and is not served")]
    public partial void LogDamaged(string topic, int partition, long offset);
}
