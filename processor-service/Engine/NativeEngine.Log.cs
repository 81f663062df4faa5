namespace Tally.ProcessorService.Engine;

public sealed partial class NativeEngine
{
    [LoggerMessage(EventId = 3101, Level = LogLevel.Information,
        Message = "Engine {Engine} runs {Job} in group {Group} as {TransactionalId}, generation {Generation}")]
    private static partial void Starts(ILogger logger, string engine, string job, string group, string transactionalId, int generation);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Warning,
        Message = "Waiting for topics {Topics}: `Tally.ProcessorService create-topics` makes them (`make up` runs it)")]
    private static partial void TopicsMissing(ILogger logger, string topics);

    [LoggerMessage(EventId = 3103, Level = LogLevel.Warning, Message = "Waiting for the broker: {Reason}")]
    private static partial void Away(ILogger logger, string reason);

    [LoggerMessage(EventId = 3104, Level = LogLevel.Warning, Message = "Migrated: {Reason} State is dropped, joining again")]
    private static partial void Migrated(ILogger logger, string reason);

    [LoggerMessage(EventId = 3105, Level = LogLevel.Warning, Message = "Corrupted: {Reason} State is dropped and restored from the changelog")]
    private static partial void Corrupted(ILogger logger, string reason);

    [LoggerMessage(EventId = 3107, Level = LogLevel.Error, Message = "{Reason} State is restored from the changelog")]
    private static partial void LocalStateAway(ILogger logger, string reason);

    [LoggerMessage(EventId = 3106, Level = LogLevel.Information, Message = "Engine stopped")]
    private static partial void Stopped(ILogger logger);
}
