namespace Tally.MaterializerService.Sinks;

public sealed partial class SinkSession<T>
{
    [LoggerMessage(EventId = 6101, Level = LogLevel.Warning,
        Message = "{Sink} stands at {Position} in partition {Partition}, before {From}: it was emptied or set back, reading again from there")]
    private static partial void WentBack(ILogger logger, string sink, int partition, long from, long position);

    [LoggerMessage(EventId = 6102, Level = LogLevel.Information, Message = "{Sink} was reconnected: applying the last {Length} of {Partitions} partitions again")]
    private static partial void Reconnected(ILogger logger, string sink, int partitions, TimeSpan length);

    [LoggerMessage(EventId = 6103, Level = LogLevel.Warning, Message = "{Sink} cannot be written; trying again until it can")]
    private static partial void Failing(ILogger logger, Exception e, string sink);

    [LoggerMessage(EventId = 6104, Level = LogLevel.Information, Message = "{Sink} is written again")]
    private static partial void Writes(ILogger logger, string sink);

    [LoggerMessage(EventId = 6130, Level = LogLevel.Information, Message = "Readers of the {Sink} use generation {Generation}")]
    private static partial void Pointed(ILogger logger, string sink, int generation);
}
