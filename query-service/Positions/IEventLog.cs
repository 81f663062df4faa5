namespace Tally.QueryService.Positions;

/// <summary>What the events' topic says of a position.</summary>
public enum PositionCheck
{
    /// <summary>All of them were written.</summary>
    Written,

    /// <summary>There is no such partition.</summary>
    UnknownPartition,

    /// <summary>Nothing was written there yet.</summary>
    BeyondEnd,

    /// <summary>Kafka does not answer: nobody can say.</summary>
    Unknown,
}

/// <summary>The topic that events are written to; a read waits only for what is in it.</summary>
public interface IEventLog
{
    Task<PositionCheck> CheckAsync(PositionSet positions, CancellationToken cancellation);
}
