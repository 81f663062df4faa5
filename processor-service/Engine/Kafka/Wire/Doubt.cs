namespace Tally.ProcessorService.Engine.Kafka.Wire;

/// <summary>What is not known of a partition.</summary>
internal enum Doubt
{
    None,

    /// <summary>Whether the batch before the position is the one that was read.</summary>
    LastBatch,

    /// <summary>Whether the log begins behind that.</summary>
    LogStart,
}
